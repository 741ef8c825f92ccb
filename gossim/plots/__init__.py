"""The figures of a run, by seaborn, one kind a file: one look at each should say what it shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from ..analysis.gradient_weights import GradientWeights
from ..analysis.side_by_side import SideBySide
from ..tables.run_data import RunData
from .alpha import alpha
from .comparable import COMPARED, left_out
from .consensus import consensus, gradient_gap
from .gradient_weights import weight_map, weight_sums
from .losses import loss, loss_by_steps
from .metrics import metrics
from .style import Look, style
from .time_shares import time_shares
from .timeline import timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[RunData], Figure | None]] = {
    "loss": loss,
    "loss_by_steps": loss_by_steps,
    "metrics": metrics,
    "consensus_distance": consensus,
    "alpha": alpha,
    "timeline": timeline,
    "time_shares": time_shares,
    "gradient_gap": gradient_gap,
}
"""Those of a run."""

WEIGHT_FIGURES: dict[str, Callable[[RunData, Mapping[str, GradientWeights]], Figure | None]] = {
    "gradient_weight_sums": weight_sums,
    "gradient_weights": weight_map,
}
"""Those of the weights with which gradients enter the final model, by arm."""


def draw(
    results: RunData,
    theory: bool = False,
    width_inches: float | None = None,
    look: Look | None = None,
    names: Collection[str] = tuple(FIGURES),
) -> dict[str, Figure]:
    """Draw the figures of a run.

    Args:
        results: What the run recorded.
        theory: Whether to draw what theory predicts beside what it applies to.
        width_inches: The width of each figure; as wide as suits each if it is None.
        look: What they are drawn for.
        names: Which of them are drawn.

    Returns:
        The figures by name; a figure that the run has no data for is left out.
    """
    with style(width_inches, look):
        figures = {name: make(results) for name, make in FIGURES.items() if name in names}
        if theory:
            figures["consensus_distance"] = consensus(results, theory=True)
    return {name: figure for name, figure in figures.items() if figure is not None}


def draw_pair(pair: SideBySide, width_inches: float | None = None, look: Look | None = None) -> dict[str, Figure]:
    """Draw the figures in which two runs can be compared, with the arms of both in each, and return them by name."""
    without = left_out(pair)
    with style(width_inches, look):
        drawn = {name: FIGURES[name](pair) for name in COMPARED if name not in without}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def draw_weights(
    results: RunData, weights: Mapping[str, GradientWeights], width_inches: float | None = None
) -> dict[str, Figure]:
    """Draw the figures of `weights` and return them by name. A figure without data is left out."""
    with style(width_inches):
        figures = {name: make(results, weights) for name, make in WEIGHT_FIGURES.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}
