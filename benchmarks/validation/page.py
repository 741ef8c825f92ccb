"""The table of docs/validation.md, between its two marks, and what the terminal shows."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from gossim.files.atomic import write_text

from .row import Row

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
BEGIN, END = "<!-- table: make validation writes what follows -->\n", "<!-- end of the table -->\n"


def written(rows: Sequence[Row]) -> None:
    """Put the table of these rows into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    load = f"load {os.getloadavg()[1]:.1f} in the last 5 minutes"
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {load}"
    text = f"{before}{BEGIN}\nMade by `make validation` on {machine}.\n\n{summary(rows)}\n{tables(rows)}\n{END}{after}"
    write_text(PAGE, text)


def summary(rows: Sequence[Row]) -> str:
    """A table of how many figures meet their goal, part by part."""
    lines = ["| part | figures | with a goal | met | worst ratio |", "|---|---|---|---|---|"]
    for part in dict.fromkeys(row.part for row in rows):
        own = [row for row in rows if row.part == part]
        judged = [row for row in own if row.met is not None]
        met = sum(row.met is True for row in judged)
        lines.append(f"| {part} | {len(own)} | {len(judged)} | {met} | {_shown(_worst(own))} |")
    return "\n".join(lines) + "\n"


def tables(rows: Sequence[Row]) -> str:
    """A table for each part, with every figure in it."""
    text = []
    for part in dict.fromkeys(row.part for row in rows):
        own = [row for row in rows if row.part == part]
        text += [
            f"### {part[0].upper()}{part[1:]}\n",
            "| case | quantity | measured | simulated | ratio | goal | met |",
        ]
        text += ["|---|---|---|---|---|---|---|", *map(line, own), ""]
    return "\n".join(text)


def line(row: Row) -> str:
    """One figure, as a line of a table."""
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    goal = "" if row.within is None else f"{row.within:.2g}"
    simulated = row.note if row.simulated is None else f"{row.simulated:.4g}"
    cells = (row.case, row.quantity, f"{row.measured:.4g}", simulated, _shown(row.ratio), goal, met)
    return f"| {' | '.join(cells)} |"


def _shown(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3f}"


def _worst(rows: Sequence[Row]) -> float | None:
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return max(ratios, key=lambda ratio: abs(math.log(ratio)) if 0 < ratio < math.inf else math.inf, default=None)
