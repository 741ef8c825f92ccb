"""What each worker spends its time on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd

from ..tables.run_data import RunData
from .fitting import fit
from .names import as_text
from .style import (
    SHOWN_WORKERS,
    lowest,
    of_first_seed,
    panels,
    points,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


ACTIVITIES = {"computing": "#b3cde3", "waiting": "#8c2d4e", "sending": "#f2b701", "down": "#1a1a1a"}
"""They differ by lightness alone and use none of the colours that stand for arms."""

MESSAGE = "#9a7400"


def timeline(results: RunData) -> Figure | None:
    """Draw what each worker does in the first few steps of the slowest, which shows where the time goes."""
    if results.timeline.empty:
        return None
    arms = [arm for arm in results.scenario.arms if (results.timeline["arm"] == arm).any()]
    end_s = shown_end_s(results)
    rows = [min(results.scenario.arms[arm].workers, SHOWN_WORKERS) for arm in arms]
    figure, grid = panels(len(arms), width=14, height=None, ratios=[max(count, 2) + 1.5 for count in rows])
    for axes, arm in zip(grid, arms, strict=True):
        own = of_first_seed(results, "timeline", arm)
        shown = shown_workers(own, results.scenario.arms[arm].workers)
        for place, worker in enumerate(shown):
            _worker_row(axes, place, own[(own["worker"] == worker) & (own["start_s"] < end_s)])
        axes.set(title=as_text(arm), ylabel="worker", xlim=(0, end_s), yticks=range(len(shown)), yticklabels=shown)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    for axes in lowest(grid):
        axes.set_xlabel("simulated time [s]")
    figure.suptitle(title(results))
    seen = set(results.timeline.loc[results.timeline["start_s"] < end_s, "activity"]) | {
        "computing",
        "waiting",
        "sending",
    }
    entries: dict[str, Any] = {
        name: mpl.patches.Patch(color=colour) for name, colour in ACTIVITIES.items() if name in seen
    }
    entries["message under way"] = mpl.lines.Line2D([], [], color=MESSAGE, linewidth=points(4))
    return fit(figure, entries, side="below")


def shown_end_s(results: RunData) -> float:
    """Return when the timeline ends: after four steps of the slowest worker and two collectives; where workers fail,
    some time after the last one came back; never later than all arms were recorded. If no worker computes, all that was
    recorded is shown.
    """
    intervals = results.timeline.assign(length_s=results.timeline["end_s"] - results.timeline["start_s"])
    longest_s = intervals.groupby("activity")["length_s"].max()
    recorded_s = intervals.groupby("arm")["end_s"].max().min()
    if "computing" not in longest_s:
        return float(recorded_s)
    shown_s = 4 * longest_s["computing"] + 2 * longest_s.get("sending", 0.0)
    down = intervals[intervals["activity"] == "down"]
    if not down.empty:
        back_s = down.loc[down["end_s"] < recorded_s, "end_s"].max()
        shown_s += max(down["start_s"].max(), 0.0 if pd.isna(back_s) else back_s)
    return float(min(shown_s, recorded_s))


def shown_workers(intervals: pd.DataFrame, workers: int) -> list[int]:
    """Return the workers to show, in order: all, or those with the longest steps and the first of the others."""
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
        axes.broken_barh(bars, (place - 0.4, 0.62), facecolor=colour, edgecolor="white", linewidth=points(0.8))
    bars = spans.loc[spans["activity"] == "message", ["start_s", "length_s"]].to_numpy()
    axes.broken_barh(bars, (place + 0.25, 0.2), facecolor=MESSAGE, edgecolor=MESSAGE, linewidth=points(1.5))
