"""What all figures share: looks, colours, panels, titles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..results import Results
    from ..scenario import Scenario


class Compared(Protocol):
    """What has arms: the results of a run or of a sweep."""

    @property
    def scenario(self) -> Scenario: ...


FEW_ARMS = 8
"""So many can be told apart by a palette for all eyes, and have their legend inside the panel."""

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


def arm_colours(results: Compared) -> dict[str, tuple[float, float, float]]:
    """One colour an arm, the same in every figure."""
    arms = list(results.scenario.arms)
    few = len(arms) <= FEW_ARMS
    return dict(zip(arms, sns.color_palette("colorblind" if few else "husl", len(arms)), strict=True))


def arm_dashes(results: Compared) -> dict[str, Any]:
    """A line style an arm: where there are many, neighbouring colours are told apart by their dashes."""
    arms = list(results.scenario.arms)
    styles = [""] if len(arms) <= FEW_ARMS else ["", (4, 1.5), (1, 1)]
    return {arm: styles[place % len(styles)] for place, arm in enumerate(arms)}


def legend(results: Compared, axes: Axes, beside: bool = False) -> None:
    """Inside the panel, or beside it where it is told to be, or there are too many arms for that."""
    if not axes.get_legend_handles_labels()[1]:
        return
    if len(results.scenario.arms) <= FEW_ARMS and not beside:
        axes.legend(title=None)
    else:
        axes.legend(title=None, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")


def title(results: Compared) -> str:
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
