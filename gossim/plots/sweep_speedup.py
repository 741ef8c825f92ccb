"""How many times sooner the first arm of a sweep met the target than each other arm; at 1 they are equal."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import seaborn as sns

from ..analysis.summary import TIME_TO_TARGET
from ..tables.sweep_data import SweepData
from .fitting import fit
from .legends import entries_of
from .names import as_label, as_text
from .style import log_scale, points, title
from .sweep_panels import (
    number_axis,
    panel_rows,
    rows_of,
    shown_values,
    spread,
    values_left_out,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def speedups(results: SweepData) -> pd.DataFrame:
    """Return one row per point, arm but the first, and seed in which both met the target, with the keys' values, `arm`,
    `seed` and `speedup`, which is that arm's time over the first arm's. A point where any seed of either arm missed the
    target is left out, because the missing times are the longest.
    """
    keys, (first, *others) = list(results.sweep.keys), results.scenario.arms
    columns = [*keys, "arm", "seed", "speedup"]
    if TIME_TO_TARGET not in results.table:
        return pd.DataFrame(columns=columns)
    times = results.table[[*keys, "arm", "seed", TIME_TO_TARGET]]
    firsts = times[times["arm"] == first].drop(columns="arm")
    both = times[times["arm"] != first].merge(firsts, on=[*keys, "seed"], suffixes=("", "_first"))
    both["speedup"] = both[TIME_TO_TARGET] / both[f"{TIME_TO_TARGET}_first"].where(lambda time_s: time_s > 0)
    counts = both.groupby([*keys, "arm"], dropna=False)["speedup"].transform("count")
    # Arm by arm, and the points as they stand in the grid.
    order = both["arm"].map({arm: place for place, arm in enumerate(others)}).sort_values(kind="stable").index
    return both.loc[order][counts.loc[order] == results.scenario.repeats][columns].reset_index(drop=True)


def draw_speedup(results: SweepData, key: str, other: str | None) -> Figure | None:
    """Draw `speedups` against `key`, with a line for each value of `other` and a panel for each arm but the first:
    geometric means over seeds, and bars from the lowest to the highest.
    """
    found = speedups(results)
    compared = [arm for arm in results.scenario.arms if arm in set(found["arm"])]
    places = spread(len(compared))
    arms = [arm for place, arm in enumerate(compared) if place in places]
    if not arms:
        return None
    lines = shown_values(results, other) if other else {None: ""}
    figure, grid = panel_rows(len(arms))
    for axes, arm in zip(grid, arms, strict=True):
        _panel(found[found["arm"] == arm], axes, key, other, lines)
        axes.set(title=as_text(f"{next(iter(results.scenario.arms))} against {arm}"), xlabel="", ylabel="")
    _scales(
        grid[0], found[key]
    )  # of all panels, and last: on a logarithmic axis seaborn would take means of logarithms
    seeds = f"   (bars: lowest to highest of {results.scenario.repeats} seeds)" if results.scenario.repeats > 1 else ""
    figure.supxlabel(key + seeds, fontsize="medium")
    figure.supylabel("times sooner at the target (below 1: later)", fontsize="medium")
    some = f"\n{len(arms)} of {len(compared)} arms" if len(arms) < len(compared) else ""
    figure.suptitle(title(results) + values_left_out(results, other) + some)
    return fit(figure, entries_of(grid), heading=other.rpartition(".")[2] if other else None)


def _panel(found: pd.DataFrame, axes: Axes, key: str, other: str | None, lines: Mapping[Any, str]) -> None:
    """Draw a line for each of `lines`; where `key` is null, its mean is a dotted line across."""
    for (cell, name), colour, marker in zip(
        lines.items(), sns.color_palette("viridis_r", len(lines)), itertools.cycle("osD^vPX"), strict=False
    ):
        own = rows_of(found, other, cell) if other else found
        numbers, at_null = own[own[key].notna()], rows_of(own, key, None)
        colour = colour if other else sns.color_palette()[0]
        if len(numbers):
            sns.lineplot(
                numbers,
                x=key,
                y="speedup",
                color=colour,
                marker=marker,
                label=as_label(name) if other else None,
                estimator=_geometric_mean,
                errorbar=("pi", 100),
                err_style="bars",
                markersize=points(10),
                linewidth=points(3),
                legend=False,
                ax=axes,
            )
        if len(at_null):
            axes.axhline(_geometric_mean(at_null["speedup"]), color=colour, linestyle="--", linewidth=points(3))
            axes.plot(
                [], [], color="0.3", linestyle="--", linewidth=points(3), label=f"at {key.rpartition('.')[2]} = null"
            )
    axes.axhline(1, color="0.3", linestyle=":", linewidth=points(2.5))


def _scales(axes: Axes, values: pd.Series) -> None:
    log_scale(axes)
    number_axis(axes, values)


def _geometric_mean(values: Any) -> float:
    return math.exp(np.log(values).mean())
