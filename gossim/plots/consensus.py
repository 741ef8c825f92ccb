"""How far the workers are apart: consensus distance and gradient gap against simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..tables.run_data import RunData
from .fitting import fit
from .legends import entries_of
from .lines import band, by_time, lines
from .names import as_label
from .style import (
    arm_colours,
    arm_look,
    log_scale,
    points,
    title,
    wide,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def consensus(results: RunData, theory: bool = False) -> Figure | None:
    """Draw the consensus distance against simulated time. Arms whose workers always agree have no place on a log scale.

    With `theory`, dashed, √E‖x_m − x̄‖² of the arms that a formula applies to: an upper bound of the mean distance.
    """
    label = r"consensus distance, mean of $\|x_m - \bar{x}\|$"
    return _disagreement(results, results.probes, "consensus_distance", label, theory)


def gradient_gap(results: RunData) -> Figure | None:
    """Draw the gradient gap, a mean over the workers, against simulated time."""
    if results.gaps.empty:
        return None
    means = results.gaps.groupby(["arm", "seed", "time_s"], sort=False)["gradient_gap"].mean().reset_index()
    label = r"gradient gap, mean of $\|\nabla L^m(x_m) - \nabla L^m(\bar{x})\|$"
    return _disagreement(results, means, "gradient_gap", label)


def _disagreement(
    results: RunData, frame: pd.DataFrame, measure: str, label: str, theory: bool = False
) -> Figure | None:
    """Draw `measure`, which is 0 where all workers agree, on a log scale, and name the arms where it is always 0."""
    largest = frame.groupby("arm")[measure].max().dropna()
    agreeing = [arm for arm in results.scenario.arms if largest.get(arm, 0.0) == 0.0]
    if len(agreeing) == len(results.scenario.arms):
        return None
    together = by_time(results, frame[(frame[measure] > 0) & ~frame["arm"].isin(agreeing)], measure)
    if together.empty:
        return None
    figure, axes = wide()
    lines(results, together, axes, "time_s", measure)
    axes.set(xlabel="; ".join(filter(None, ["simulated time [s]", band(together)])), title=title(results))
    axes.set(ylabel=label)
    log_scale(axes)
    if theory:
        _predicted(results, axes, agreeing)
    for arm in agreeing:
        if arm in largest:
            axes.plot([], [], **arm_look(results, arm), label=as_label(f"{arm}: exactly 0 throughout"))
    entries = entries_of([axes])
    return fit(figure, entries, within=axes)


def _predicted(results: RunData, axes: Axes, leave_out: list[str]) -> None:
    from .predicted import predictions

    for arm, prediction in predictions(results)[0].items():
        if arm in leave_out:
            continue
        shown = prediction.distance > 0
        given = f",\nfor {prediction.assumed}" if prediction.assumed else ""
        axes.plot(
            prediction.time_s[shown],
            prediction.distance[shown],
            color=[0.55 * part for part in arm_colours(results)[arm]],
            linestyle="--",
            linewidth=points(2.5),
            zorder=3,
            label=as_label(f"{arm}: theory ({prediction.average}){given}"),
        )
