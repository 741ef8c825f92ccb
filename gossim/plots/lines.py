"""One line an arm: the mean over seeds, in a band from the lowest to the highest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns

from ..analysis.summary import told_count
from ..tables.run_data import RunData
from .bands import ends, told_band
from .names import as_label
from .style import arm_colours, arm_dashes, arm_look, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def by_time(results: RunData, frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return `measure` for every seed of an arm at every instant at which any seed was probed, as last seen, until the
    first seed ends (seeds end at different times if the run is limited by steps). Columns are `arm, seed, time_s` and
    the measure.
    """
    together = []
    for arm, own in _finite(results, frame, measure).groupby("arm"):
        seen = own.pivot(index="time_s", columns="seed", values=measure)
        until = min(seen[seed].last_valid_index() for seed in seen)
        shown = seen.ffill().loc[:until].melt(ignore_index=False, value_name=measure)
        together.append(shown.reset_index().assign(arm=arm))
    return pd.concat([frame.iloc[:0], *together], ignore_index=True)


def by_steps(results: RunData, frame: pd.DataFrame, measure: str, count: str = "gradient_steps") -> pd.DataFrame:
    """Return `measure` for every seed of an arm at the step counts (column `count`) where the seed with the fewest
    steps was probed. Other seeds are interpolated linearly between their probes, and no seed is extrapolated. Columns
    are `arm, seed`, the count over all workers together, and the measure.
    """
    together = []
    for arm, own in _finite(results, frame, measure).groupby("arm"):
        # Of probes between which nobody took a step, the last.
        last = own.groupby(["seed", count])[measure].last()
        curves = {seed: last[seed] for seed in own["seed"].unique()}
        shortest = min(curves.values(), key=lambda curve: curve.index[-1])
        grid = shortest.index[shortest.index >= max(curve.index[0] for curve in curves.values())].to_numpy()
        for seed, curve in curves.items():
            values = np.interp(grid, curve.index.to_numpy(), curve.to_numpy())
            together.append(pd.DataFrame({"arm": arm, "seed": seed, count: grid, measure: values}))
    return pd.concat([frame.iloc[:0], *together], ignore_index=True)


def lines(results: RunData, together: pd.DataFrame, axes: Axes, x: str, y: str) -> None:
    """Draw `y` against `x`, at which `together` has all seeds of an arm. Call this before an axis becomes logarithmic:
    seaborn takes geometric means on one that is.
    """
    assert axes.get_yscale() == axes.get_xscale() == "linear"
    arms = [arm for arm in results.scenario.arms if arm in set(together["arm"])]
    before = len(axes.get_lines())
    sns.lineplot(
        together,
        x=x,
        y=y,
        hue="arm",
        hue_order=arms,
        palette={arm: arm_colours(results)[arm] for arm in arms},
        style="arm",
        style_order=arms,
        dashes=[arm_dashes(results)[arm] for arm in arms],
        errorbar=ends(),
        linewidth=points(3),
        legend=False,
        ax=axes,
    )
    for place, (arm, line) in enumerate(zip(arms, axes.get_lines()[before:], strict=True)):
        look = arm_look(results, arm)
        line.set(marker=look["marker"], markersize=look["markersize"], markevery=(place % 7 / 70, 0.1))
        axes.plot([], [], **look, linewidth=points(3), label=as_label(arm))
    if together[x].max() > 0:
        axes.set_xlim(0, together[x].max())


def band(together: pd.DataFrame) -> str:
    """Return the description of the band for the axis label; empty if every arm has one seed."""
    counts = together.groupby("arm")["seed"].nunique()
    return f"band: {told_band(told_count(counts))}" if (counts > 1).any() else ""


LARGEST_DRAWN = 1e300
"""matplotlib cannot divide an axis that is longer; a run in float64 may come so far before it diverges."""


def _finite(results: RunData, frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the rows of `measure` without diverged seeds and values too large for an axis."""
    broken = [(entry["arm"], entry["seed"]) for entry in results.manifest["runs"] if entry["status"] == "diverged"]
    kept = ~pd.MultiIndex.from_frame(frame[["arm", "seed"]]).isin(broken) & (frame[measure].abs() < LARGEST_DRAWN)
    return frame[kept]
