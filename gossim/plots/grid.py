"""What a sweep found: a measure against one key, a panel for each value of the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from ..summary import TIME_TO_TARGET
from .speedup import draw_speedup
from .style import arm_colours, arm_dashes, legend, style, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..sweeping import SweepResults

COLUMNS = 3
"""Panels side by side."""

DECADE = 10
"""Values that span so much are on a logarithmic axis."""


def draw_sweep(results: SweepResults) -> dict[str, Figure]:
    """The figure `sweep`, and `speedup` if there is a target that two arms met; none for more than two keys, for keys
    without numbers, or if nothing came to an end."""
    keys = list(results.sweep.keys)
    numeric = [key for key in keys if pd.api.types.is_numeric_dtype(results.table[key])]
    ended = results.table[results.table["status"] == "complete"]
    measure = _measure(ended)
    if len(keys) > 2 or not numeric or measure is None:
        return {}
    key = numeric[0]
    other = next((k for k in keys if k != key), None)
    with style():
        figures = {"sweep": _figure(results, ended, measure, key, other), "speedup": draw_speedup(results, key, other)}
    return {name: figure for name, figure in figures.items() if figure is not None}


def _measure(ended: pd.DataFrame) -> str | None:
    """The time to the target if any run met it, else the loss at the end, else what the clock alone has."""
    candidates = (TIME_TO_TARGET, "test_loss", "train_loss", "consensus_distance", "steps_per_s")
    return next((name for name in candidates if name in ended and ended[name].notna().any()), None)


def _figure(results: SweepResults, ended: pd.DataFrame, measure: str, key: str, other: str | None) -> Figure:
    values = list(dict.fromkeys(results.table[other])) if other else [None]
    columns = min(len(values), COLUMNS)
    rows = math.ceil(len(values) / columns)
    figure = Figure(figsize=(12 if columns == 1 else 5.6 * columns + 1, 6.75 if rows == 1 else 5 * rows + 1))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, value in zip(grid, values, strict=False):
        there = results.table[other].eq(value) if other else pd.Series(True, results.table.index)
        _panel(results, ended[there[ended.index]], axes, measure, key)
        axes.set_title(title(results) if other is None else f"{other.rpartition('.')[2]} = {_plain(value)}")
        axes.set(xlabel="", ylabel="")
    for axes in grid[len(values) :]:
        axes.remove()
    _axes(grid[0], ended, measure, key)
    figure.supxlabel(key + _seeds(results), fontsize="medium")
    figure.supylabel(_label(results, measure), fontsize="medium")
    if other:
        figure.suptitle(title(results))
        shown = {
            text: line
            for axes in grid[: len(values)]
            for line, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(shown.values(), shown.keys(), loc="outside right center", fontsize="small")
    else:
        legend(results, grid[0])
    return figure


def _panel(results: SweepResults, ended: pd.DataFrame, axes: Axes, measure: str, key: str) -> None:
    """A line an arm through the means over seeds, bars from the lowest to the highest. Where a seed did not meet the
    target, no mean is drawn: a triangle stands at the end of its runs, which is less than its time."""
    arms = list(results.scenario.arms)
    whole = ended.groupby([key, "arm"])[measure].transform("count") == results.scenario.repeats
    sns.lineplot(
        ended[whole],
        x=key,
        y=measure,
        hue="arm",
        hue_order=arms,
        palette=arm_colours(results),
        style="arm",
        style_order=arms,
        dashes=[arm_dashes(results)[arm] for arm in arms],
        errorbar=("pi", 100),
        err_style="bars",
        marker="o",
        markersize=9,
        linewidth=3,
        ax=axes,
        legend=False,
    )
    for arm in arms:
        axes.plot([], [], color=arm_colours(results)[arm], dashes=arm_dashes(results)[arm] or (None, None), label=arm)
    if measure == TIME_TO_TARGET:
        late = ended[~whole].groupby([key, "arm"])["time_s"].max().reset_index()
        colours = [arm_colours(results)[arm] for arm in late["arm"]]
        sizes = [(10 + 7 * (arms.index(arm) % 4)) ** 2 for arm in late["arm"]]  # those at one place stand in each other
        axes.scatter(
            late[key], late["time_s"], marker="^", s=sizes, facecolors="none", edgecolors=colours, linewidths=3
        )
        if len(late):
            axes.scatter(
                [], [], marker="^", s=160, facecolors="none", edgecolors="0.3", label="not by every\nseed until then"
            )


def _axes(axes: Axes, ended: pd.DataFrame, measure: str, key: str) -> None:
    """Logarithmic where the values span a decade; marks at the values of the key."""
    values = np.unique(ended[key].dropna().to_numpy(dtype=float))
    if _spans(values):
        axes.set_xscale("log")
    if len(values) <= 8:
        axes.xaxis.set_major_locator(FixedLocator(list(values)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    shown = ended[[measure, "time_s"]] if measure == TIME_TO_TARGET else ended[[measure]]
    if _spans(shown.to_numpy(dtype=float)):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    elif measure == TIME_TO_TARGET:
        axes.set_ylim(0, 1.08 * axes.get_ylim()[1])


def _spans(values: Any) -> bool:
    present = values[~np.isnan(values)]
    return bool(present.size and present.min() > 0 and present.max() >= DECADE * present.min())


def _seeds(results: SweepResults) -> str:
    repeats = results.scenario.repeats
    return f"   (bars: lowest to highest of {repeats} seeds)" if repeats > 1 else ""


def _label(results: SweepResults, measure: str) -> str:
    target = results.scenario.target
    if any(point.scenario.target != target for point in results.sweep.points):
        target = None
    if measure == TIME_TO_TARGET and target is None:
        return "simulated seconds to the target"
    if measure == TIME_TO_TARGET and target is not None:
        name, value = next((name, value) for name, value in target.model_dump().items() if value is not None)
        return f"simulated seconds to {name.replace('_', ' ')} {value:g}"
    return {"steps_per_s": "gradient steps per second"}.get(measure, f"{measure.replace('_', ' ')} at the end")


def _plain(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, int | float) else str(value)
    return text.replace("$", r"\$")
