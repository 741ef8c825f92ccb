"""What all figures share: looks, colours, panels, titles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..results import Results

SHOWN_WORKERS = 16
"""Rows of a timeline and bands of a weight figure that can still be told apart."""


@contextmanager
def style() -> Iterator[None]:
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


def arm_colours(results: Results) -> dict[str, tuple[float, float, float]]:
    """One colour an arm, the same in every figure."""
    arms = list(results.scenario.arms)
    return dict(zip(arms, sns.color_palette("colorblind", len(arms)), strict=True))


def title(results: Results) -> str:
    """The scenario's title, in which no dollar begins a formula."""
    return results.scenario.title.replace("$", r"\$")


def of_first_seed(results: Results, table: str, arm: str) -> pd.DataFrame:
    frame = getattr(results, table)
    return frame[(frame["arm"] == arm) & (frame["seed"] == results.scenario.seed)]


def wide() -> tuple[Figure, Axes]:
    """One panel, as wide as a slide."""
    figure = Figure(figsize=(12, 6.75))
    return figure, figure.subplots()


def panels(
    count: int, width: float, height: float | None, ratios: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels one below the other, sharing the time axis."""
    total = 1.5 + (count * height if height else sum(ratios or []) * 0.34)
    figure = Figure(figsize=(width, total))
    grid = figure.subplots(count, 1, squeeze=False, sharex=True, height_ratios=ratios)
    return figure, list(grid[:, 0])
