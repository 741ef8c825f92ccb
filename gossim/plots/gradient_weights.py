"""With which weight each gradient enters the final model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import seaborn as sns

from ..analysis.gradient_weights import GradientWeights
from ..tables.run_data import RunData
from .fitting import fit
from .legends import entries_of
from .names import as_label, as_text
from .style import (
    arm_look,
    lowest,
    panels,
    points,
    title,
    wide,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SPREAD = 0.995
"""The share of the coefficients that the colours tell apart: a few may be far larger than all others."""

LEVEL = 1e-6
"""Within this distance of 1, a line cannot be distinguished from the line at 1."""


def weight_sums(results: RunData, weights: Mapping[str, GradientWeights]) -> Figure | None:
    """Draw Σ_m a_m against the worker's step: 1 if gradients or parameters of all workers are averaged at once."""
    weights = {arm: found for arm, found in weights.items() if found.sums["a_sum"].notna().any()}
    if not weights:
        return None
    figure, axes = wide()
    axes.axhline(1, color="0.35", linestyle=":", linewidth=points(2))
    level = 0
    for arm, found in weights.items():
        used = found.sums[found.sums["workers"].iloc[::-1].cumsum().iloc[::-1] > 0]  # up to the last that was used
        width = 2.5
        if (used["a_sum"].iloc[:-1].sub(1).abs() < LEVEL).mean() > 0.5:
            # Of several arms at 1 the earlier ones are wider, and seen under the later.
            width, level = max(2.5, 9 - 3 * level), level + 1
        look = {**arm_look(results, arm), "linewidth": points(width), "markevery": 0.1}
        axes.plot(used["step"], used["a_sum"], label=as_label(arm), **look)
    label = r"$\Sigma_m\,a_m^\tau$ in the final model"
    axes.set(title=title(results), xlabel=r"$\tau$, the worker's own step", ylabel=label)
    lowest = min(0.0, *(float(found.sums["a_sum"].min()) for found in weights.values()))
    axes.set_ylim(bottom=None if lowest < 0 else 0)
    axes.set_xlim(left=0)
    return fit(figure, entries_of([axes]), within=axes)


def weight_map(results: RunData, weights: Mapping[str, GradientWeights]) -> Figure | None:
    """Draw a of every gradient, by worker and step. A gradient that was never used is white."""
    grids = {}
    for arm, found in weights.items():
        used = found.gradients[found.gradients["used_s"].notna() & found.gradients["a"].notna()]
        if not used.empty:
            grids[arm] = used.pivot(index="worker", columns="step", values="a")
    if not grids:
        return None
    every = [grid.stack() for grid in grids.values()]
    high = max(float(values.quantile(SPREAD)) for values in every)
    low = min(0.0, *(float(values.quantile(1 - SPREAD)) for values in every))
    colours = sns.color_palette("rocket_r", as_cmap=True)
    figure, axes = panels(len(grids), width=13, height=3.2)
    for place, (arm, grid) in zip(axes, grids.items(), strict=True):
        steps = range(int(grid.columns.min()), int(grid.columns.max()) + 1)
        workers = range(results.scenario.arms[arm].workers)
        grid = grid.reindex(index=workers, columns=steps)
        extent = (steps[0] - 0.5, steps[-1] + 0.5, len(workers) - 0.5, -0.5)
        look = {"cmap": colours, "vmin": low, "vmax": high or 1.0}
        image = place.imshow(grid.to_numpy(), aspect="auto", interpolation="nearest", extent=extent, **look)
        place.set(title=as_text(arm), ylabel="worker")
        place.yaxis.set_major_locator(mpl.ticker.MaxNLocator(8, integer=True))
        place.grid(visible=False)
    axes[-1].set_xlim(-0.5, max(int(grid.columns.max()) for grid in grids.values()) + 0.5)
    for place in lowest(axes):
        place.set_xlabel(r"$\tau$, the worker's own step")
    figure.suptitle(title(results))
    figure.colorbar(image, ax=axes, label=r"$a_m^\tau$ in the final model", extend="both" if low < 0 else "max")
    return fit(figure, {})
