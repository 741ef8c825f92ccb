"""Every ratio as a point, part by part and quantity by quantity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from .row import TOTAL, WAITING, Row

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "validation.svg"
LEAST, MOST = 0.5, 2.0
"""Ratios beyond which a point stands at the edge, as an arrow."""


def drawn(rows: Sequence[Row], path: Path = FIGURE) -> None:
    """Draw the ratios, with a line for each quantity of a part, and write them to `path`."""
    shown = [row for row in rows if row.ratio is not None]
    lines = list(dict.fromkeys((row.part, row.quantity) for row in shown))
    figure, axes = plt.subplots(figsize=(8, 0.24 * len(lines) + 1.2), layout="constrained")
    axes.axvspan(1 - WAITING, 1 + WAITING, color="0.93", label="within 10%")
    axes.axvspan(1 - TOTAL, 1 + TOTAL, color="0.85", label="within 5%")
    for place, (part, quantity) in enumerate(lines):
        own = [row for row in shown if (row.part, row.quantity) == (part, quantity)]
        for met, color, name in ((True, "C0", "goal met"), (False, "C3", "goal not met"), (None, "0.45", "no goal")):
            ratios = [float(row.ratio) for row in own if row.met is met and row.ratio is not None]
            inside = [ratio for ratio in ratios if LEAST <= ratio <= MOST]
            axes.scatter(inside, [place] * len(inside), s=14, color=color, alpha=0.7, label=name, zorder=3)
            for beyond, edge, marker in (
                ([r for r in ratios if r < LEAST], LEAST, "<"),
                ([r for r in ratios if r > MOST], MOST, ">"),
            ):
                axes.scatter([edge] * len(beyond), [place] * len(beyond), s=26, color=color, marker=marker, zorder=3)
    axes.set_yticks(range(len(lines)), [f"{part}: {quantity}" for part, quantity in lines], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.set_xticks(
        [0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2],
        ["0.5", "0.7", "0.8", "0.9", "1", "1.1", "1.25", "1.5", "2"],
        fontsize=8,
    )
    axes.minorticks_off()
    axes.set_xlim(LEAST * 0.96, MOST * 1.04)
    axes.set_xlabel("simulated / measured")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
