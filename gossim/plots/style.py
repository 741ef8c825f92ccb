"""What all figures share: looks, colours, panels, titles."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter

from ..tables.run_data import RunData
from ..tables.sweep_data import SweepData
from .names import as_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


FEW_ARMS = 8
"""Up to this number, arms have distinct colours, and their legend inside the panel where it covers nothing."""

DASHES = ("", (4, 1.5), (1, 1), (6, 1.5, 1, 1.5), (9, 2))
MARKERS = ("", "o", "s", "^", "D", "v", "P", "X")
"""Every FEW_ARMS arms the colours begin again, with the next dashes and the next marker."""

SECOND_RUN = (3, 1.2)
"""The dashes of the second of two runs."""

SLIDE_INCHES = 12.0
"""The width at which texts and lines have the size that suits a slide."""

COLUMN_INCHES = 3.3
"""The width of a paper's column: the least that figures are made for."""

COLUMN_SCALE = 0.42
"""The size of texts and lines there, of their size on a slide."""

FALLBACK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Noto Sans Hebrew",
    "Noto Sans Arabic",
    "Noto Emoji",
    "Segoe UI Emoji",
    "Last Resort High-Efficiency",
)
"""Where the usual font has no glyph, the first of these that is installed and has it; the last has frames for all."""

_width_inches: ContextVar[float | None] = ContextVar("width_inches", default=None)


class Look(NamedTuple):
    """The audience and size for which figures are drawn.

    Attributes:
        band: What the band around a mean over seeds is: `range`, from the lowest to the highest; `sem`, the mean ± its
            standard error; `ci95`, Student's 95% confidence interval of the mean.
        titled: Whether the scenario's title stands on them; in a paper it stands in the caption.
        latex: Whether letters have serifs, as LaTeX's.
        dots_per_inch: Of a PNG.
    """

    band: str = "range"
    titled: bool = True
    latex: bool = False
    dots_per_inch: int = 110


_look: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039 (it is immutable)

LATEX_FONTS = ("Latin Modern Roman", "CMU Serif", "STIXGeneral")
"""Those that are installed; the last comes with matplotlib. (So does cmr10, which has other letters in the places of
`_` and `<`.)"""

DARKER = 0.6
"""The second of two runs: so much of the first's light, so that its dashes are seen on a line that they cover."""

ROOMY = 1000
"""An axis that spans less has room for numbers between the powers of ten."""

HIGHEST = 40.0
"""Inches of panels one below the other, before they stand in columns."""

MOST_COLUMNS = 4

SHOWN_WORKERS = 16
"""Rows of a timeline and bands of a weight figure that can still be distinguished."""


_STYLED = threading.RLock()
"""matplotlib's settings are the process's: threads draw one after the other."""


@contextmanager
def style(width_inches: float | None = None, look: Look | None = None) -> Iterator[None]:
    """Apply the look that all figures share; in SVG files nothing changes from run to run.

    Args:
        width_inches: How wide figures are made in it, with texts in proportion; as wide as suits each, large enough
            for the back row, where it is None.
        look: What they are drawn for; as around it, where it is None.
    """
    before, looked = _width_inches.set(width_inches), _look.set(look or _look.get())
    try:
        sizes = {key: points(value) for key, value in sns.plotting_context("talk").items()}
        installed, latex = set(fontManager.get_font_names()), _look.get().latex
        families = [font for font in LATEX_FONTS if font in installed] if latex else ["sans-serif"]
        with (
            _STYLED,
            sns.plotting_context(sizes),
            sns.axes_style("whitegrid"),
            mpl.rc_context(
                {
                    "svg.hashsalt": "gossim",
                    "savefig.dpi": _look.get().dots_per_inch,
                    "figure.constrained_layout.use": True,
                    "axes.titlesize": points(17),
                    "pdf.fonttype": 42,  # journals refuse the other kind
                    "font.family": [*families, *(font for font in FALLBACK_FONTS if font in installed)],
                    "mathtext.fontset": "stix" if latex else "dejavusans",
                    "axes.formatter.use_mathtext": latex,
                }
            ),
        ):
            yield
    finally:
        _width_inches.reset(before)
        _look.reset(looked)


def present_look() -> Look:
    """Return the look that figures have in this context."""
    return _look.get()


def fixed_width() -> float | None:
    """Return the width of all figures in inches, or None if each has its own."""
    return _width_inches.get()


def scale() -> float:
    """Return the factor by which texts, lines and heights differ from those on a slide."""
    share = ((fixed_width() or SLIDE_INCHES) - COLUMN_INCHES) / (SLIDE_INCHES - COLUMN_INCHES)
    return COLUMN_SCALE + (1 - COLUMN_SCALE) * min(max(share, 0.0), 1.0)


def points(on_a_slide: float) -> float:
    """Convert a length in points on a slide to a length on a figure of this width."""
    return on_a_slide * scale()


def inches(width: float, height: float) -> tuple[float, float]:
    """Return the size of a figure, in inches, from its size on a slide."""
    return fixed_width() or width, height * scale()


def _rounds(results: RunData | SweepData) -> dict[str, tuple[int, int]]:
    """Return for each arm how often the colours were used up before it, and the place of its colour among them."""
    names = list(dict.fromkeys(origin.arm for origin in results.origins.values()))
    return {arm: divmod(names.index(origin.arm), FEW_ARMS) for arm, origin in results.origins.items()}


def arm_colours(results: RunData | SweepData) -> dict[str, tuple[float, float, float]]:
    """Return a colour for each arm, the same in every figure. Arms of one name in two runs share the hue, darker in the
    second.
    """
    hues, origins = sns.color_palette("colorblind", FEW_ARMS), results.origins
    return {
        arm: tuple(part * DARKER ** origins[arm].place for part in hues[place])
        for arm, (_, place) in _rounds(results).items()
    }


def arm_dashes(results: RunData | SweepData) -> dict[str, Any]:
    """Return a line style for each arm. Those of a second run are dashed; if a run has many arms, arms of one colour
    differ by their dashes.
    """
    if any(origin.place for origin in results.origins.values()):
        return {arm: ("", SECOND_RUN)[origin.place] for arm, origin in results.origins.items()}
    return {arm: DASHES[round_ % len(DASHES)] for arm, (round_, _) in _rounds(results).items()}


def arm_markers(results: RunData | SweepData) -> dict[str, str]:
    """Return a marker for each arm, empty for the first few; it distinguishes arms of one colour."""
    return {arm: MARKERS[round_ % len(MARKERS)] for arm, (round_, _) in _rounds(results).items()}


def arm_look(results: RunData | SweepData, arm: str) -> dict[str, Any]:
    """Return how the line of an arm looks, as arguments of `Axes.plot`."""
    return {
        "color": arm_colours(results)[arm],
        "dashes": arm_dashes(results)[arm] or (None, None),
        "marker": arm_markers(results)[arm],
        "markersize": points(9),
    }


def log_scale(axes: Axes) -> None:
    """Make the y axis logarithmic, with numbers at powers of ten, at 2 and 5 where there is room, and at all marks
    within a single decade.
    """

    def between(value: float, _: int) -> str:
        low, high = sorted(axes.get_ylim())
        told = high < 10 * low or (high < ROOMY * low and f"{value:.6e}"[:8] in ("2.000000", "5.000000"))
        return axis_number(value) if told else ""

    axes.set(yscale="log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axis_number(value)))
    axes.yaxis.set_minor_formatter(FuncFormatter(between))


def axis_number(value: float) -> str:
    """Return a number as 0.05, or as 3 × 10⁻⁷ where that is shorter."""
    told = f"{value:g}"
    if not math.isclose(float(told), value, rel_tol=1e-9):  # on an axis of almost one value
        told = f"{value:.10g}"
    mantissa, _, exponent = told.partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa} \times {power}$"


def title(results: RunData | SweepData) -> str:
    """Return the scenario's title with its dollars escaped, so that none begins a formula."""
    return as_text(results.scenario.title) if _look.get().titled else ""


def of_first_seed(results: RunData, table: str, arm: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    return results.of_run(table, arm, results.scenario.seed, columns)


def wide() -> tuple[Figure, Axes]:
    """Make one panel, as wide as a slide."""
    figure = Figure(figsize=inches(SLIDE_INCHES, 6.75))
    return figure, figure.subplots()


def beside(count: int) -> tuple[Figure, list[Axes]]:
    """Make panels side by side that share the measured axis; one below the other where that is too narrow."""
    stacked = (fixed_width() or SLIDE_INCHES) < 4 * count
    rows, columns = (count, 1) if stacked else (1, count)
    figure = Figure(figsize=inches(8 * count, 7.5 * rows))
    return figure, list(figure.subplots(rows, columns, sharey=True))


def panels(
    count: int, width: float, height: float | None, ratios: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Make panels one below the other that share the time axis, in columns where one would be higher than HIGHEST."""
    each = [height] * count if height else [ratio * 0.34 for ratio in ratios or []]
    columns = 1 if fixed_width() else min(math.ceil(sum(each) / HIGHEST), MOST_COLUMNS)
    rows = math.ceil(count / columns)
    heights = [max(each[row * columns : (row + 1) * columns]) for row in range(rows)]
    figure = Figure(figsize=inches(width * (1 + 0.6 * (columns - 1)), 1.5 + sum(heights)))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, height_ratios=heights).ravel()
    for axes in grid[count:]:
        axes.remove()
    for axes in grid[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)  # where nothing is below
    return figure, list(grid[:count])


def lowest(panels: list[Axes]) -> list[Axes]:
    """Return the lowest panel of each column, which labels the shared axis."""
    columns = panels[0].get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    return panels[-columns:]
