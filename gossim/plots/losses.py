"""Loss against simulated time, and against gradient steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..scenario.scenario import Scenario
from ..tables.run_data import RunData
from .fitting import fit
from .legends import entries_of
from .lines import band, by_steps, by_time, lines
from .style import (
    beside,
    log_scale,
    points,
    title,
    wide,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_WORKER = "gradient steps per worker"
TOGETHER = "gradient steps of all workers together"


def loss(results: RunData) -> Figure | None:
    """Draw the loss of the mean parameters against simulated time: mean over seeds, and a band from the lowest to the
    highest.
    """
    measure = shown_loss(results)
    if measure is None:
        return None
    together = by_time(results, results.probes, measure)
    if together.empty:
        return None
    figure, axes = wide()
    lines(results, together, axes, "time_s", measure)
    _dress(results, axes, measure)
    axes.set(xlabel="; ".join(filter(None, ["simulated time [s]", band(together)])), title=title(results))
    return fit(figure, entries_of([axes]), within=axes)


def loss_by_steps(results: RunData) -> Figure | None:
    """Draw the loss against gradient steps: those of all M workers together, which is the work done, and divided by M,
    which for synchronous workers is the number of rounds, the "iterations" by which methods are often compared.

    Where all arms have as many workers these are two scales of one panel, and else two panels.
    """
    measure = shown_loss(results)
    if measure is None:
        return None
    together = by_steps(results, results.probes, measure)
    if together.empty:
        return None
    workers = together["arm"].map({arm: settings.workers for arm, settings in results.scenario.arms.items()})
    together["steps_per_worker"] = together["gradient_steps"] / workers
    counts = sorted(set(workers))
    if len(counts) > 1:
        return _two_panels(results, together, measure)
    M = counts[0]
    figure, axes = wide()
    lines(results, together, axes, "steps_per_worker", measure)
    _dress(results, axes, measure)
    label = f"{PER_WORKER} (those of all, divided by {M})" if M > 1 else "gradient steps"
    axes.set(xlabel="\n".join(filter(None, [label, band(together)])), title=title(results))
    if M > 1:
        above = axes.secondary_xaxis("top", functions=(partial(np.multiply, M), lambda steps: np.divide(steps, M)))
        above.set_xlabel(TOGETHER.replace("all", f"all {M}"))
    return fit(figure, entries_of([axes]), within=axes)


def shown_loss(results: RunData) -> str | None:
    """Return `test_loss` if there is one, else `train_loss`; for two runs, the one that both have."""
    for measure in ("test_loss", "train_loss"):
        if all(run.probes[measure].notna().any() for run in results.runs):
            return measure
    return None


def _two_panels(results: RunData, together: pd.DataFrame, measure: str) -> Figure:
    figure, panels = beside(2)
    labels = {"steps_per_worker": f"{PER_WORKER}:\nthose of all M, divided by M", "gradient_steps": TOGETHER}
    for axes, steps in zip(panels, labels, strict=True):
        lines(results, together, axes, steps, measure)
    for axes, label in zip(panels, labels.values(), strict=True):
        _dress(results, axes, measure)
        axes.set_xlabel(label)
    if panels[1].get_subplotspec().colspan.start:  # type: ignore[union-attr]
        panels[1].set_ylabel("")
    figure.suptitle(title(results))
    figure.supxlabel(band(together), fontsize="small")
    return fit(figure, entries_of(panels), within=panels[1])


def _dress(results: RunData, axes: Axes, measure: str) -> None:
    """Put the loss on a logarithmic scale, unless some values are not positive, and draw its target."""
    axes.set(ylabel=f"{measure.replace('_', ' ')} of the mean model{unit_of(results.scenario, measure)}")
    if not any((np.asarray(line.get_ydata(), dtype=float) <= 0).any() for line in axes.get_lines()):
        log_scale(axes)
    target = results.scenario.target
    goal = target.goal if target and target.measure == measure else None
    if goal:
        axes.axhline(goal, color="0.35", linestyle=":", linewidth=points(2.5), label=f"target {goal:g}")


def unit_of(scenario: Scenario, measure: str) -> str:
    """Return the unit of a measure in brackets if it is the same in all arms."""
    problems = [arm.problem.measures for arm in scenario.arms.values() if arm.problem]
    units = {measures[measure].unit for measures in problems if measure in measures}
    return f" [{units.pop()}]" if len(units) == 1 and units != {""} else ""
