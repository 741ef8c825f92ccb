"""What the page shows for one position of the sliders."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from ..errors import InputError, RunError
from ..report.curves import Chart, over_time
from ..results import Results
from ..runner.experiment import Experiment
from ..scenario.scenario import Scenario
from .sliders import MOST_WORKERS, changed
from .smaller import BUDGET_S, smaller
from .timeline import timeline

PIXELS = 300
"""The height of a chart of curves."""


FIRST_ARMS = 4
"""As many are shown first: each takes its time."""

AIM_S = 0.8
"""From a move to the new figures, without the browser's part."""

CALIBRATIONS = 3


class Redrawn(NamedTuple):
    """`charts` are empty where nothing could be run; `error` then says why, in one sentence or a few."""

    charts: list[Chart]
    note: str = ""
    error: str = ""


def first_arms(scenario: Scenario) -> list[str]:
    """Return the arms that are shown first."""
    return list(scenario.arms)[:FIRST_ARMS]


def measured_budget_s(scenario: Scenario) -> float:
    """Return the estimated seconds of a run that takes AIM_S on this machine, by running."""
    budget_s = BUDGET_S / 10
    outcome(scenario, {}, first_arms(scenario), budget_s)  # with the imports that a first run needs
    budget_s = BUDGET_S
    for _ in range(CALIBRATIONS):
        begun_s = time.perf_counter()
        outcome(scenario, {}, first_arms(scenario), budget_s)
        took_s = time.perf_counter() - begun_s
        if took_s <= AIM_S:
            break
        budget_s = max(0.8 * budget_s * AIM_S / took_s, BUDGET_S / 4)
    return budget_s


def outcome(
    scenario: Scenario, values: Mapping[str, float], arms: Sequence[str], budget_s: float = BUDGET_S
) -> Redrawn:
    """Run a smaller version of the scenario with the sliders at `values`, and draw it."""
    try:
        small, note = smaller(changed(scenario, values, arms), budget_s)
        experiment = Experiment(small)
    except InputError as error:
        return Redrawn([], error=str(error))
    if "workers" in values and values["workers"] < scenario.workers > MOST_WORKERS:
        note = f"{values['workers']:g} workers, and the scenario has {scenario.workers}. {note}"
    failed = ""
    try:
        experiment.run(None)
    except (InputError, RunError) as error:
        failed = str(error)
    results = experiment.results()
    return Redrawn([] if results.probes.empty else pictures(results), note, failed)


def pictures(results: Results) -> list[Chart]:
    """Return the loss, the consensus distance, Σα and the timeline, those that this run has."""
    found = over_time(results)
    for place, chart in enumerate(found):
        _dress(chart.figure, legend=place == 0)
    drawn = timeline(results)
    if drawn is not None:
        legend = {"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom"}
        drawn.update_layout(margin={"l": 50, "r": 10, "t": 30, "b": 90}, legend=legend)
        found.append(Chart("timeline", "What each worker does", drawn))
    return found


def _dress(figure: go.Figure, legend: bool) -> None:
    """Give a chart the size and the margins of the page."""
    where = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    margin = {"l": 70, "r": 10, "t": 50 if legend else 15, "b": 45}
    figure.update_layout(height=PIXELS, margin=margin, showlegend=legend, legend=where)
