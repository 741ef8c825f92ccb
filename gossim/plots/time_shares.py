"""Where each worker's time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
from matplotlib.ticker import PercentFormatter

from ..analysis.summary import told_count
from ..tables.run_data import RunData
from .fitting import fit
from .names import as_text
from .style import (
    SHOWN_WORKERS,
    lowest,
    panels,
    points,
    title,
)
from .timeline import ACTIVITIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def time_shares(results: RunData) -> Figure | None:
    """Draw the shares of each worker's time over all seeds, or of all workers together if there are many."""
    shares = {arm: _shares(results.activities[results.activities["arm"] == arm]) for arm in results.scenario.arms}
    shares = {arm: own for arm, own in shares.items() if not own.empty}
    if not shares:
        return None
    figure, grid = panels(
        len(shares), width=12, height=None, ratios=[max(len(own), 2) + 1.5 for own in shares.values()]
    )
    for axes, (arm, own) in zip(grid, shares.items(), strict=True):
        _bars(axes, own)
        axes.set(title=as_text(arm), ylabel="worker", xlim=(0, 1), yticks=range(len(own)), yticklabels=own.index)
        axes.set_ylim(len(own) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    grid[-1].xaxis.set_major_formatter(PercentFormatter(1))
    counts = results.activities.groupby("arm")["seed"].nunique()
    seeds = f", all {told_count(counts)} seeds together" if counts.max() > 1 else ""
    for axes in lowest(grid):
        axes.set_xlabel(f"share of the simulated time{seeds}; in bold, computing")
    figure.suptitle(title(results))
    seen = {kind for own in shares.values() for kind in own.columns[own.any()]}
    patches = {kind: mpl.patches.Patch(color=colour) for kind, colour in ACTIVITIES.items() if kind in seen}
    return fit(figure, patches, side="below")


def _shares(own: pd.DataFrame) -> pd.DataFrame:
    """Return one arm's shares, one row per worker and one column per activity; no rows if no time has passed."""
    spent = own.groupby("worker")[[f"{kind}_s" for kind in ACTIVITIES]].sum()
    spent.columns = pd.Index(ACTIVITIES)
    if len(spent) > SHOWN_WORKERS:
        spent = spent.sum().to_frame(f"all {len(spent)}").T
    spent = spent[spent.sum(axis=1) > 0]
    return spent.div(spent.sum(axis=1), axis=0)


def _bars(axes: Axes, own: pd.DataFrame) -> None:
    """Draw a bar per worker, and beside it the share of its time that it computes."""
    left = own["computing"] * 0
    for kind, colour in ACTIVITIES.items():
        axes.barh(
            range(len(own)), own[kind], left=left, height=0.75, color=colour, edgecolor="white", linewidth=points(0.8)
        )
        left += own[kind]
    for place, share in enumerate(own["computing"]):
        axes.annotate(
            ">99%" if 0.995 <= share < 1 else f"{share:.0%}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
            fontweight="bold",
            fontfamily="sans-serif",
        )
