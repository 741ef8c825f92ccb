"""Loss, consensus distance and gradient gap against simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import seaborn as sns
from matplotlib.ticker import FuncFormatter

from .style import arm_colours, arm_dashes, legend, title, wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..results import Results


def loss(results: Results) -> Figure | None:
    """Loss of the mean parameters against simulated time: mean over seeds, and a band from the best to the worst."""
    measure = "test_loss" if results.probes["test_loss"].notna().any() else "train_loss"
    if not results.probes[measure].notna().any():
        return None
    figure, axes = wide()
    if not _lines(results, results.probes, axes, measure):
        return None
    unit = " [nats]" if all(arm.problem and arm.problem.data for arm in results.scenario.arms.values()) else ""
    axes.set(ylabel=f"{measure.replace('_', ' ')} of the mean model{unit}", yscale="log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else ""))
    target = results.scenario.target
    goal = getattr(target, measure) if target else None
    if goal:
        axes.axhline(goal, color="0.35", linestyle=":", linewidth=2)
        axes.annotate(f"target {goal:g}", (0.01, goal), xycoords=("axes fraction", "data"), ha="left", va="bottom")
    legend(results, axes)
    return figure


def consensus(results: Results, theory: bool = False) -> Figure | None:
    """Consensus distance against simulated time; arms whose workers always agree have no place on a log scale.

    With `theory`, dashed, √E‖x_m − x̄‖² of the arms that a formula applies to: an upper bound of the mean distance.
    """
    label = r"consensus distance, mean of $\|x_m - \bar{x}\|$"
    return _disagreement(results, results.probes, "consensus_distance", label, theory)


def gradient_gap(results: Results) -> Figure | None:
    """The gradient gap, mean over the workers, against simulated time."""
    if results.gaps.empty:
        return None
    means = results.gaps.groupby(["arm", "seed", "time_s"], sort=False)["gradient_gap"].mean().reset_index()
    label = r"gradient gap, mean of $\|\nabla L^m(x_m) - \nabla L^m(\bar{x})\|$"
    return _disagreement(results, means, "gradient_gap", label)


def _disagreement(
    results: Results, frame: pd.DataFrame, measure: str, label: str, theory: bool = False
) -> Figure | None:
    """`measure`, which is 0 where all workers agree, on a log scale; arms in which it always is are named beside it."""
    largest = frame.groupby("arm")[measure].max().dropna()
    agreeing = [arm for arm in results.scenario.arms if largest.get(arm, 0.0) == 0.0]
    if len(agreeing) == len(results.scenario.arms):
        return None
    figure, axes = wide()
    if not _lines(results, frame[(frame[measure] > 0) & ~frame["arm"].isin(agreeing)], axes, measure):
        return None
    axes.set(ylabel=label, yscale="log")
    if theory:
        _predicted(results, axes, agreeing)
    for arm in agreeing:
        if arm in largest:
            axes.plot([], [], color=arm_colours(results)[arm], label=f"{arm}: exactly 0 throughout")
    legend(results, axes, beside=any(": theory" in label for label in axes.get_legend_handles_labels()[1]))
    return figure


def _predicted(results: Results, axes: Axes, leave_out: list[str]) -> None:
    from .predicted import predictions

    for arm, prediction in predictions(results)[0].items():
        if arm in leave_out:
            continue
        shown = prediction.distance > 0
        axes.plot(
            prediction.time_s[shown],
            prediction.distance[shown],
            color=[0.55 * part for part in arm_colours(results)[arm]],
            linestyle="--",
            linewidth=2.5,
            zorder=3,
            label=f"{arm}: theory (r.m.s.)" + (f",\nfor {prediction.assumed}" if prediction.assumed else ""),
        )


def _lines(results: Results, frame: pd.DataFrame, axes: Axes, measure: str) -> bool:
    """`measure` in `frame` against simulated time by arm; seeds that diverged are left out. Whether any is left."""
    broken = [(entry["arm"], entry["seed"]) for entry in results.manifest["runs"] if entry["status"] == "diverged"]
    frame = frame[~pd.MultiIndex.from_frame(frame[["arm", "seed"]]).isin(broken)]
    together = pd.concat(
        [frame.iloc[:0], *(_together(own, measure) for _, own in frame.groupby("arm"))], ignore_index=True
    )
    arms = [arm for arm in results.scenario.arms if arm in set(together["arm"])]
    if together.empty:
        return False
    sns.lineplot(
        together,
        x="time_s",
        y=measure,
        hue="arm",
        hue_order=arms,
        palette={arm: arm_colours(results)[arm] for arm in arms},
        style="arm",
        style_order=arms,
        dashes=[arm_dashes(results)[arm] for arm in arms],
        errorbar=("pi", 100),
        linewidth=3,
        ax=axes,
    )
    band = f"; band: lowest to highest of {results.scenario.repeats} seeds" if results.scenario.repeats > 1 else ""
    axes.set(xlabel=f"simulated time [s]{band}", title=title(results))
    if together["time_s"].max() > 0:
        axes.set_xlim(0, together["time_s"].max())
    return True


def _together(own: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One arm's `measure` for every seed at every instant at which any was probed, as last seen, until the first seed
    ends (each ends at a time of its own when its steps are counted)."""
    seen = own.pivot(index="time_s", columns="seed", values=measure)
    until = min(seen[seed].last_valid_index() for seed in seen)
    return (
        seen.ffill()
        .loc[:until]
        .melt(ignore_index=False, value_name=measure)
        .reset_index()
        .assign(arm=own["arm"].iloc[0])
    )
