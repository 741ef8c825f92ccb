"""The band around a mean over seeds: from the lowest to the highest, its standard error, or its confidence interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import present_look

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95


def lowest_to_highest(values: pd.Series) -> tuple[float, float]:
    """Return the smallest and the largest value."""
    return float(np.min(values)), float(np.max(values))


def standard_error(values: pd.Series) -> tuple[float, float]:
    """Return the mean of n values minus and plus s/√n, with s² = Σ(x − mean)²/(n − 1)."""
    return _around(values, 1.0)


def confidence_interval(values: pd.Series) -> tuple[float, float]:
    """Return Student's interval, mean ± t_{0.975, n−1} s/√n, for n normal values. (seaborn's own interval is a
    bootstrap, for which three seeds are too few.)
    """
    from scipy import stats  # slow to import, and needed for this band alone

    return _around(values, float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) if len(values) > 1 else 0.0)


def _around(values: pd.Series, times: float) -> tuple[float, float]:
    mean = float(np.mean(values))
    half = times * float(np.std(values, ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean - half, mean + half


BANDS: dict[str, tuple[Callable[[Any], tuple[float, float]], str]] = {
    "range": (lowest_to_highest, "lowest to highest of"),
    "sem": (standard_error, "mean ± standard error,"),
    "ci95": (confidence_interval, "95% confidence interval of the mean,"),
}
"""Each with its ends and with what it is called before the number of seeds."""


def ends() -> Callable[[Any], tuple[float, float]]:
    """Return the function that computes the ends of the band in the present look."""
    return BANDS[present_look().band][0]


def told_band(seeds: str) -> str:
    """Return the name of that band, as in `lowest to highest of 3 seeds`."""
    return f"{BANDS[present_look().band][1]} {seeds} seeds"
