"""The figures of a run, by seaborn: one look at each should say what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from .sim.stragglers import Persistent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .results import Results

ACTIVITIES = {"computing": "#b3cde3", "waiting": "#8c2d4e", "sending": "#f2b701"}
"""Told apart by their lightness alone, and by none of the colours that stand for arms."""

MESSAGE = "#9a7400"

SHOWN_WORKERS = 16
"""Rows of a timeline and bands of a weight figure that can still be told apart."""


@contextmanager
def _style() -> Iterator[None]:
    """Large enough for the back row; SVG files without what changes from run to run."""
    with (
        sns.plotting_context("talk"),
        sns.axes_style("whitegrid"),
        mpl.rc_context(
            {
                "svg.hashsalt": "gossim",
                "savefig.dpi": 110,
                "figure.constrained_layout.use": True,
                "axes.titlesize": 17,
            }
        ),
    ):
        yield


def draw(results: Results) -> dict[str, Figure]:
    """The figures by name; a figure that the run has no data for is left out."""
    with _style():
        figures = {name: make(results) for name, make in FIGURES.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}


FORMATS = ("png", "svg")


def save(figure: Figure, path: Path) -> None:
    """Write `figure` in the format that the path's ending names; the same figure gives the same bytes."""
    with _style():
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {})


def arm_colours(results: Results) -> dict[str, tuple[float, float, float]]:
    """One colour an arm, the same in every figure."""
    arms = list(results.scenario.arms)
    return dict(zip(arms, sns.color_palette("colorblind", len(arms)), strict=True))


def loss(results: Results) -> Figure | None:
    """Loss of the mean parameters against simulated time: mean over seeds, and a band from the best to the worst."""
    measure = "test_loss" if results.probes["test_loss"].notna().any() else "train_loss"
    if not results.probes[measure].notna().any():
        return None
    figure, axes = _wide()
    _lines(results, axes, measure)
    unit = " [nats]" if all(arm.problem and arm.problem.data for arm in results.scenario.arms.values()) else ""
    axes.set(ylabel=f"{measure.replace('_', ' ')} of the mean model{unit}", yscale="log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else ""))
    target = results.scenario.target
    goal = getattr(target, measure) if target else None
    if goal:
        axes.axhline(goal, color="0.35", linestyle=":", linewidth=2)
        axes.annotate(f"target {goal:g}", (0.01, goal), xycoords=("axes fraction", "data"), ha="left", va="bottom")
    axes.legend(title=None)
    return figure


def consensus(results: Results) -> Figure | None:
    """Consensus distance against simulated time; arms whose workers always agree have no place on a log scale."""
    largest = results.probes.groupby("arm")["consensus_distance"].max().dropna()
    agreeing = [arm for arm in results.scenario.arms if largest.get(arm, 0.0) == 0.0]
    if len(agreeing) == len(results.scenario.arms):
        return None
    figure, axes = _wide()
    _lines(results, axes, "consensus_distance", leave_out=agreeing, positive=True)
    axes.set(ylabel=r"consensus distance, mean of $\|x_m - \bar{x}\|$", yscale="log")
    for arm in agreeing:
        axes.plot([], [], color=arm_colours(results)[arm], label=f"{arm}: exactly 0 throughout")
    axes.legend(title=None)
    return figure


def weights(results: Results) -> Figure | None:
    """Who holds the weight α over the first seed: a band for each worker, one for messages, and their sum on top."""
    arms = [arm for arm in results.scenario.arms if _of_first_seed(results, "probes", arm)["alpha_sum"].notna().any()]
    if not arms:
        return None
    figure, grid = _panels(len(arms), width=11, height=4.2)
    for axes, arm in zip(grid, arms, strict=True):
        probes = _of_first_seed(results, "probes", arm)
        held = _of_first_seed(results, "workers", arm).pivot(index="time_s", columns="worker", values="alpha")
        if held.shape[1] > SHOWN_WORKERS:
            held = held.sum(axis=1).to_frame("all workers")
        bands = [*held.to_numpy().T, probes["alpha_in_flight"].to_numpy()]
        axes.stackplot(
            held.index,
            bands,
            colors=[*_band_colours(results, arm, list(held.columns)), "#f2b701"],
            labels=[*(_band_name(results, arm, column) for column in held.columns), "in flight"],
            linewidth=0.4,
            edgecolor="white",
            step="post",
        )
        axes.plot(probes["time_s"], probes["alpha_sum"], color="black", linewidth=3, label=r"$\Sigma\alpha$")
        axes.set(title=arm, xlabel="", ylabel=r"weight $\alpha$", ylim=(0, 1.1))
        if probes["time_s"].max() > 0:
            axes.set_xlim(0, probes["time_s"].max())
    figure.suptitle(_title(results))
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center", fontsize="small")
    grid[-1].set_xlabel("simulated time [s]")
    return figure


def timeline(results: Results) -> Figure | None:
    """What each worker does in the first few steps of the slowest: where the time goes."""
    if results.timeline.empty:
        return None
    arms = [arm for arm in results.scenario.arms if (results.timeline["arm"] == arm).any()]
    end_s = _timeline_end_s(results)
    rows = [min(results.scenario.arms[arm].workers, SHOWN_WORKERS) for arm in arms]
    figure, grid = _panels(len(arms), width=14, height=None, ratios=[max(count, 2) + 1.5 for count in rows])
    for axes, arm in zip(grid, arms, strict=True):
        own = _of_first_seed(results, "timeline", arm)
        shown = _slowest(own, results.scenario.arms[arm].workers)
        for place, worker in enumerate(shown):
            _worker_row(axes, place, own[(own["worker"] == worker) & (own["start_s"] < end_s)])
        axes.set(title=arm, ylabel="worker", xlim=(0, end_s), yticks=range(len(shown)), yticklabels=shown)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    grid[-1].set_xlabel("simulated time [s]")
    figure.suptitle(_title(results))
    patches = [mpl.patches.Patch(color=colour, label=name) for name, colour in ACTIVITIES.items()]
    arrow = mpl.lines.Line2D([], [], color=MESSAGE, linewidth=4, label="message under way")
    figure.legend(handles=[*patches, arrow], loc="outside lower center", ncols=4)
    return figure


FIGURES: dict[str, Callable[[Results], Figure | None]] = {
    "loss": loss,
    "consensus_distance": consensus,
    "alpha": weights,
    "timeline": timeline,
}


def _lines(
    results: Results, axes: Axes, measure: str, leave_out: list[str] | None = None, positive: bool = False
) -> None:
    """`measure` against simulated time by arm; seeds that diverged are left out."""
    broken = [(entry["arm"], entry["seed"]) for entry in results.manifest["runs"] if entry["status"] == "diverged"]
    is_broken = pd.MultiIndex.from_frame(results.probes[["arm", "seed"]]).isin(broken)
    probes = results.probes[~is_broken & ~results.probes["arm"].isin(leave_out or [])]
    if positive:
        probes = probes[probes[measure] > 0]
    together = pd.concat(
        [probes.iloc[:0], *(_together(own, measure) for _, own in probes.groupby("arm"))], ignore_index=True
    )
    arms = [arm for arm in results.scenario.arms if arm in set(together["arm"])]
    sns.lineplot(
        together,
        x="time_s",
        y=measure,
        hue="arm",
        hue_order=arms,
        palette={arm: arm_colours(results)[arm] for arm in arms},
        errorbar=("pi", 100),
        linewidth=3,
        ax=axes,
    )
    band = f"; band: lowest to highest of {results.scenario.repeats} seeds" if results.scenario.repeats > 1 else ""
    axes.set(xlabel=f"simulated time [s]{band}", title=_title(results))
    if together["time_s"].max() > 0:
        axes.set_xlim(0, together["time_s"].max())


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


def _title(results: Results) -> str:
    """The scenario's title, in which no dollar begins a formula."""
    return results.scenario.title.replace("$", r"\$")


def _of_first_seed(results: Results, table: str, arm: str) -> pd.DataFrame:
    frame = getattr(results, table)
    return frame[(frame["arm"] == arm) & (frame["seed"] == results.scenario.seed)]


def _timeline_end_s(results: Results) -> float:
    """Four steps of whoever takes longest, and two collectives; no further than all arms were recorded."""
    intervals = results.timeline.assign(length_s=results.timeline["end_s"] - results.timeline["start_s"])
    longest_s = intervals.groupby("activity")["length_s"].max()
    recorded_s = intervals.groupby("arm")["end_s"].max().min()
    return float(min(4 * longest_s["computing"] + 2 * longest_s.get("sending", 0.0), recorded_s))


def _slowest(intervals: pd.DataFrame, workers: int) -> list[int]:
    """The workers to show, in order: all, or those with the longest steps and the first of the others."""
    if workers <= SHOWN_WORKERS:
        return list(range(workers))
    computing = intervals[intervals["activity"] == "computing"]
    mean_s = (computing["end_s"] - computing["start_s"]).groupby(computing["worker"]).mean()
    slowest = set(mean_s.nlargest(SHOWN_WORKERS // 2).index)
    others = [worker for worker in range(workers) if worker not in slowest]
    return sorted([*slowest, *others[: SHOWN_WORKERS - len(slowest)]])


def _worker_row(axes: Axes, place: int, own: pd.DataFrame) -> None:
    spans = own.assign(length_s=own["end_s"] - own["start_s"])
    for activity, colour in ACTIVITIES.items():
        bars = spans.loc[spans["activity"] == activity, ["start_s", "length_s"]].to_numpy()
        axes.broken_barh(bars, (place - 0.4, 0.62), facecolor=colour, edgecolor="white", linewidth=0.8)
    bars = spans.loc[spans["activity"] == "message", ["start_s", "length_s"]].to_numpy()
    axes.broken_barh(bars, (place + 0.25, 0.2), facecolor=MESSAGE, edgecolor=MESSAGE, linewidth=1.5)


def _slow(results: Results, arm: str) -> set[int]:
    """The workers that the scenario makes slower than the others."""
    rules = [rule for rule in results.scenario.arms[arm].compute.stragglers if isinstance(rule, Persistent)]
    return {worker for rule in rules if rule.factor > 1 for worker in rule.workers or ()}


def _band_colours(results: Results, arm: str, columns: list[int | str]) -> list[tuple[float, float, float]]:
    """Shades of one colour for the workers, shades of another for those that are slow."""
    slow = _slow(results, arm)
    usual, marked = sns.color_palette("Blues", len(columns) + 2)[1:], sns.color_palette("Reds", len(columns) + 2)[2:]
    return [marked[n] if column in slow else usual[n] for n, column in enumerate(columns)]


def _band_name(results: Results, arm: str, column: int | str) -> str:
    if isinstance(column, str):
        return column
    return f"worker {column} (slow)" if column in _slow(results, arm) else f"worker {column}"


def _wide() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(12, 6.75))
    return figure, figure.subplots()


def _panels(
    count: int, width: float, height: float | None, ratios: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels one below the other, sharing the time axis."""
    total = 1.5 + (count * height if height else sum(ratios or []) * 0.34)
    figure = Figure(figsize=(width, total))
    grid = figure.subplots(count, 1, squeeze=False, sharex=True, height_ratios=ratios)
    return figure, list(grid[:, 0])
