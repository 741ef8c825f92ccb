"""Metrics of the mean model against simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..tables.run_data import RunData
from .fitting import fit
from .legends import entries_of
from .lines import band, by_time, lines
from .losses import unit_of
from .style import log_scale, panels, points, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def metrics(results: RunData) -> Figure | None:
    """Draw the metrics of `problem.metrics` and of the target, one panel each: mean over seeds, and a band from the
    lowest to the highest. Metrics for which lower is better have a logarithmic scale, as losses do.
    """
    shown = {name: by_time(results, results.probes, name) for name in asked_for(results)}
    shown = {name: together for name, together in shown.items() if not together.empty}
    if not shown:
        return None
    figure, grid = panels(len(shown), 12, 5.5)
    for axes, (measure, together) in zip(grid, shown.items(), strict=True):
        lines(results, together, axes, "time_s", measure)
        _dress(results, axes, measure)
        axes.set_xlabel("")
    figure.suptitle(title(results))
    bands = dict.fromkeys(filter(None, map(band, shown.values())))
    figure.supxlabel("; ".join(["simulated time [s]", *bands]), fontsize="medium")
    return fit(figure, entries_of(grid), within=grid[0] if len(grid) == 1 else None)


def asked_for(results: RunData) -> list[str]:
    """Return the columns of `probes` with metrics that the scenario names; for two runs, those that both have."""
    named: dict[str, None] = {}
    for arm in results.scenario.arms.values():
        named |= dict.fromkeys(metric.column for metric in (arm.problem and arm.problem.metrics) or ())
    target = results.scenario.target
    if target is not None and not target.measure.endswith("_loss"):
        named[target.measure] = None
    return [
        name for name in named if all(name in run.probes and run.probes[name].notna().any() for run in results.runs)
    ]


def _dress(results: RunData, axes: Axes, measure: str) -> None:
    words, scenario = measure.replace("_", " "), results.scenario
    better = scenario.measured[measure].better if measure in scenario.measured else None
    axes.set(ylabel=f"{words} of the mean model{unit_of(scenario, measure)}")
    if better is not None:
        axes.set_ylabel(f"{axes.get_ylabel()}\n({better} is better)")
    values = [np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()]
    if better == "lower" and not any((each <= 0).any() for each in values):
        log_scale(axes)
    if scenario.target is not None and scenario.target.measure == measure:
        goal = scenario.target.goal
        axes.axhline(goal, color="0.35", linestyle=":", linewidth=points(2.5), label=f"target {goal:g}")
