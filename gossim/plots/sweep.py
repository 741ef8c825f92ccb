"""What a sweep found: a measure against one key, a panel for each value of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ..analysis.summary import TIME_TO_TARGET
from ..tables.sweep_data import SweepData
from .bands import ends, told_band
from .fitting import fit
from .legends import entries_of
from .names import as_label
from .style import (
    Look,
    arm_colours,
    arm_dashes,
    arm_look,
    arm_markers,
    log_scale,
    points,
    style,
    title,
)
from .sweep_panels import (
    axis_key,
    number_axis,
    panel_rows,
    rows_of,
    shown_values,
    spans,
    values_left_out,
)
from .sweep_speedup import draw_speedup

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_sweep(results: SweepData, width_inches: float | None = None, look: Look | None = None) -> dict[str, Figure]:
    """Draw the figure `sweep`, and `speedup` if two arms met the target. There are no figures for more than two keys,
    for keys without numbers, or if no run has ended.
    """
    key = axis_key(results)
    ended = results.table[results.table["status"] == "complete"]
    measure = _measure(ended)
    if len(results.sweep.keys) > 2 or key is None or measure is None:
        return {}
    other = next((k for k in results.sweep.keys if k != key), None)
    with style(width_inches, look):
        figures = {"sweep": _figure(results, ended, measure, key, other), "speedup": draw_speedup(results, key, other)}
    return {name: figure for name, figure in figures.items() if figure is not None}


def _measure(ended: pd.DataFrame) -> str | None:
    """Return the time to the target if any run met it, else the final loss, else what the clock alone has."""
    candidates = (TIME_TO_TARGET, "test_loss", "train_loss", "consensus_distance", "steps_per_s")
    return next((name for name in candidates if name in ended and ended[name].notna().any()), None)


def _figure(results: SweepData, ended: pd.DataFrame, measure: str, key: str, other: str | None) -> Figure:
    values = shown_values(results, other) if other else {None: ""}
    figure, grid = panel_rows(len(values))
    for axes, (cell, name) in zip(grid, values.items(), strict=True):
        _panel(results, rows_of(ended, other, cell) if other else ended, axes, measure, key)
        axes.set_title(f"{other.rpartition('.')[2]} = {name}" if other else title(results))
        axes.set(xlabel="", ylabel="")
    _axes(grid[0], ended, measure, key)
    figure.supxlabel(key + _seeds(results), fontsize="medium")
    figure.supylabel(_label(results, measure), fontsize="medium")
    if other:
        figure.suptitle(title(results) + values_left_out(results, other))
    return fit(figure, entries_of(grid), within=None if other else grid[0])


def _panel(results: SweepData, ended: pd.DataFrame, axes: Axes, measure: str, key: str) -> None:
    """Draw a line per arm through the means over seeds, with bars. If a seed did not meet the target, there is no mean:
    a triangle at the end of its runs marks a lower bound. Where the key is null, the mean is a dotted line across.
    """
    arms = list(results.scenario.arms)
    colours = arm_colours(results)
    counts = ended.groupby([key, "arm"], dropna=False)[measure].transform("count")
    means, late = ended[counts == results.scenario.repeats], ended[counts != results.scenario.repeats]
    before = len(axes.get_lines())
    if means[key].notna().any():
        sns.lineplot(
            means[means[key].notna()],
            x=key,
            y=measure,
            hue="arm",
            hue_order=arms,
            palette=colours,
            style="arm",
            style_order=arms,
            dashes=[arm_dashes(results)[arm] for arm in arms],
            errorbar=ends(),
            err_style="bars",
            marker="o",
            markersize=points(9),
            linewidth=points(3),
            ax=axes,
            legend=False,
        )
    drawn = [arm for arm in arms if arm in set(means.loc[means[key].notna(), "arm"])]
    for arm, line in zip(drawn, axes.get_lines()[before:], strict=False):
        line.set_marker(arm_markers(results)[arm] or "o")
    for arm in arms:
        axes.plot([], [], **arm_look(results, arm), label=as_label(arm))
    _at_null(rows_of(means, key, None).groupby("arm")[measure].mean(), rows_of(ended, key, None), axes, colours)
    if measure == TIME_TO_TARGET:
        _triangles(late, axes, key, colours)


def _at_null(means: pd.Series, rows: pd.DataFrame, axes: Axes, colours: dict[str, tuple[float, float, float]]) -> None:
    for arm, mean in means.items():
        axes.axhline(mean, color=colours[arm], linestyle=":", linewidth=points(3))
    if len(means):
        axes.plot([], [], color="0.3", linestyle=":", linewidth=points(3), label="at null")
    for arm in [arm for arm in colours if arm in set(rows["arm"]) - set(means.index)]:
        axes.plot([], [], linestyle="none", label=as_label(f"{arm}, at null:\nnot by every seed"))


def _triangles(late: pd.DataFrame, axes: Axes, key: str, colours: dict[str, tuple[float, float, float]]) -> None:
    ends = late.groupby([key, "arm"])["time_s"].max().reset_index()
    sizes = [
        points(10 + 7 * (list(colours).index(arm) % 4)) ** 2 for arm in ends["arm"]
    ]  # those at one place stand inside
    edges = [colours[arm] for arm in ends["arm"]]
    axes.scatter(
        ends[key], ends["time_s"], marker="^", s=sizes, facecolors="none", edgecolors=edges, linewidths=points(3)
    )
    if len(ends):
        axes.scatter(
            [],
            [],
            marker="^",
            s=points(12.6) ** 2,
            facecolors="none",
            edgecolors="0.3",
            label="not by every\nseed until then",
        )


def _axes(axes: Axes, ended: pd.DataFrame, measure: str, key: str) -> None:
    """Make axes logarithmic where the values span a decade, with marks at the values of the key."""
    number_axis(axes, ended[key])
    shown = ended[[measure, "time_s"]] if measure == TIME_TO_TARGET else ended[[measure]]
    if spans(shown.to_numpy(dtype=float)):
        log_scale(axes)
    elif measure == TIME_TO_TARGET:
        axes.set_ylim(0, 1.08 * axes.get_ylim()[1])


def _seeds(results: SweepData) -> str:
    repeats = results.scenario.repeats
    return f"   (bars: {told_band(str(repeats))})" if repeats > 1 else ""


def _label(results: SweepData, measure: str) -> str:
    target = results.scenario.target
    if any(point.scenario.target != target for point in results.sweep.points):
        target = None
    if measure == TIME_TO_TARGET and target is None:
        return "simulated seconds to the target"
    if measure == TIME_TO_TARGET and target is not None:
        return f"simulated seconds to {target.words}"
    return {"steps_per_s": "gradient steps per second"}.get(measure, f"{measure.replace('_', ' ')} at the end")
