"""What all figures share: looks, colours, panels, titles."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ..pair import Origin, Pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..results import Results
    from ..scenario import Scenario


class Compared(Protocol):
    """What has arms: the results of a run, of a sweep, or of two runs side by side."""

    @property
    def scenario(self) -> Scenario: ...


class Recorded(Compared, Protocol):
    """What curves are drawn from: the results of a run, or of two runs side by side."""

    @property
    def manifest(self) -> dict[str, Any]: ...
    @property
    def probes(self) -> pd.DataFrame: ...
    @property
    def activities(self) -> pd.DataFrame: ...
    @property
    def gaps(self) -> pd.DataFrame: ...


FEW_ARMS = 8
"""So many can be told apart by a palette for all eyes, and have their legend inside the panel."""

DARKER = 0.6
"""The second of two runs: so much of the first's light, so that its dashes are seen on a line that they cover."""

ROOMY = 1000
"""An axis that spans less has room for numbers between the powers of ten."""

SHOWN_WORKERS = 16
"""Rows of a timeline and bands of a weight figure that can still be told apart."""


_STYLED = threading.RLock()
"""matplotlib's settings are the process's: threads draw one after the other."""


@contextmanager
def style() -> Iterator[None]:
    """Large enough for the back row; SVG files without what changes from run to run."""
    with (
        _STYLED,
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


def runs_of(results: Recorded) -> tuple[Recorded, ...]:
    """The run, or the two that stand side by side."""
    return results.runs if isinstance(results, Pair) else (results,)


def _origins(results: Compared) -> dict[str, Origin]:
    if isinstance(results, Pair):
        return results.origins
    return {arm: Origin(0, arm) for arm in results.scenario.arms}


def arm_colours(results: Compared) -> dict[str, tuple[float, float, float]]:
    """One colour an arm, the same in every figure; arms of one name in two runs share the hue, darker in the second."""
    origins = _origins(results)
    names = list(dict.fromkeys(origin.arm for origin in origins.values()))
    few = len(names) <= FEW_ARMS
    hues = dict(zip(names, sns.color_palette("colorblind" if few else "husl", len(names)), strict=True))
    return {arm: tuple(part * DARKER**origin.place for part in hues[origin.arm]) for arm, origin in origins.items()}


def arm_dashes(results: Compared) -> dict[str, Any]:
    """A line style an arm: of two runs the second's are dashed; where one run has many arms, neighbouring colours are
    told apart by their dashes."""
    arms = list(results.scenario.arms)
    if isinstance(results, Pair):
        return {arm: ["", (3, 1.2)][origin.place] for arm, origin in results.origins.items()}
    styles = [""] if len(arms) <= FEW_ARMS else ["", (4, 1.5), (1, 1)]
    return {arm: styles[place % len(styles)] for place, arm in enumerate(arms)}


def legend(results: Compared, axes: Axes, beside: bool = False) -> None:
    """Inside the panel, or beside it where it is told to be, or there are too many arms for that."""
    if not axes.get_legend_handles_labels()[1]:
        return
    if len(results.scenario.arms) <= FEW_ARMS and not beside:
        axes.legend(title=None)
    else:
        beside_it = axes.legend(title=None, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
        longest = max(len(line) for text in beside_it.get_texts() for line in text.get_text().split("\n"))
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.set_figwidth(figure.get_figwidth() + 1 + 0.1 * longest)  # inches; the panel stays as wide as it was


def log_scale(axes: Axes) -> None:
    """A logarithmic y axis with numbers at powers of ten, at 2 and 5 where there is room, and within a decade at all
    its marks."""

    def between(value: float, _: int) -> str:
        low, high = sorted(axes.get_ylim())
        told = high < 10 * low or (high < ROOMY * low and f"{value:.6e}"[:8] in ("2.000000", "5.000000"))
        return number(value) if told else ""

    axes.set(yscale="log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_formatter(FuncFormatter(between))


def number(value: float) -> str:
    """0.05, or 3 × 10⁻⁷ where that is shorter."""
    told = f"{value:g}"
    if not math.isclose(float(told), value, rel_tol=1e-9):  # on an axis of almost one value
        told = f"{value:.10g}"
    mantissa, _, exponent = told.partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa} \times {power}$"


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


def beside(count: int) -> tuple[Figure, list[Axes]]:
    """Panels one beside the other, sharing what is measured."""
    figure = Figure(figsize=(8 * count, 7.5))
    return figure, list(figure.subplots(1, count, sharey=True))


def panels(
    count: int, width: float, height: float | None, ratios: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels one below the other, sharing the time axis."""
    total = 1.5 + (count * height if height else sum(ratios or []) * 0.34)
    figure = Figure(figsize=(width, total))
    grid = figure.subplots(count, 1, squeeze=False, sharex=True, height_ratios=ratios)
    return figure, list(grid[:, 0])
