"""The last step of each figure: texts in lines that fit, a legend that is whole and covers nothing, marks apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast
from weakref import WeakKeyDictionary

import matplotlib as mpl
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from .legends import covers, inside, keep_place, outside, shown_labels
from .names import drawable, from_label, shortened, wrapped
from .style import FEW_ARMS, fixed_width, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.legend import Legend

Side = Literal["right", "below"]

MARGIN = 8.0
"""Points on a slide between a legend, or a line of text, and the edge."""

NEARLY = 0.03
"""By so little, of what they were, panels may be smaller than they were before."""

NO_LAYOUT = {"figure.constrained_layout.use": False, "figure.autolayout": False}
"""With these a figure has no layout engine. With one that is called `none` it would be drawn twice for each file."""

_named: WeakKeyDictionary[Figure, tuple[str, list[str]]] = WeakKeyDictionary()


def named_in(figure: Figure) -> tuple[str, list[str]]:
    """Return the title of a figure and the names in its legend and panels, neither shortened nor wrapped."""
    return _named.get(figure, ("", []))


def fit(
    figure: Figure,
    entries: Mapping[str, Any],
    within: Axes | None = None,
    side: Side = "right",
    heading: str | None = None,
) -> Figure:
    """Give `figure` its legend and the height and width for all that stands on it.

    Args:
        figure: With all its curves and texts.
        entries: The legend's lines or patches by label.
        within: The panel whose legend it is, and which holds it where it covers nothing; none: beside the panels.
        side: Where it stands otherwise; below where the right has no room, or the figure's width is given.
        heading: What stands above its entries.

    Returns:
        The figure.
    """
    _printable(figure)
    for axes in _with_children(figure):  # whatever the style is when it is drawn, on which the choice of marks rests
        axes.tick_params("x", labelsize=mpl.rcParams["xtick.labelsize"])
        axes.tick_params("y", labelsize=mpl.rcParams["ytick.labelsize"])
    titles = [text for text in (figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)) if text]
    headline, *names = [text.replace(r"\$", "$") for text in [*(titles or [""]), *map(from_label, entries)]]
    _named[figure] = (headline, list(dict.fromkeys(name for name in names if name)))
    _arrange(figure)
    size = _panel_size(figure)
    _wrap(figure)
    legend = None
    if within is not None and entries and len(entries) <= FEW_ARMS + 1:
        legend = inside(within, entries)
        _grow(figure, size)
        if covers(legend, within):
            legend.remove()
            legend = None
        else:
            keep_place(legend, within)
    if legend is None and entries:
        _beside(figure, entries, within or figure, size, side, heading)
    elif legend is None:
        _grow(figure, size)
    hidden = [_thin(axis) for axes in _with_children(figure) for axis in (axes.xaxis, axes.yaxis)]
    if any(hidden):
        _arrange(figure)  # once more, with the marks that there are now
    _lift(figure)
    with mpl.rc_context(NO_LAYOUT):
        figure.set_layout_engine(None)  # as it is now it stays, and need not be computed for each file
    return figure


def _printable(figure: Figure) -> None:
    for text in figure.findobj(Text):
        text.set_text(drawable(text.get_text()))


def _with_children(figure: Figure) -> Iterator[Axes]:
    for axes in figure.axes:
        yield from cast("Iterable[Axes]", (axes, *axes.child_axes))


def _arrange(figure: Figure) -> None:
    engine = figure.get_layout_engine() or ConstrainedLayoutEngine()  # none where it is drawn outside of `style`
    figure.set_layout_engine(engine)
    engine.execute(figure)


def _panel_size(figure: Figure) -> tuple[float, float]:
    """Return the height of a row of panels and the width of a column of them, in inches."""
    boxes = {axes: axes.get_position() for axes in figure.axes if axes.get_subplotspec() is not None}
    places = {axes: axes.get_subplotspec() for axes in boxes}
    row = {spec.colspan.start: boxes[axes].width for axes, spec in places.items() if spec}
    column = {spec.rowspan.start: boxes[axes].height for axes, spec in places.items() if spec}
    width, height = figure.get_size_inches()
    return width * sum(row.values()), height * sum(column.values())


def _grow(figure: Figure, size: tuple[float, float], reserve: Any = None) -> None:
    """Make `figure` higher until its panels are as high as they were, and wider too where its width is not given."""
    for _ in range(3):
        if reserve:
            reserve()
        _arrange(figure)
        row, column = _panel_size(figure)
        width, height = figure.get_size_inches()
        wider = 0.0 if fixed_width() else max(size[0] - row, 0.0)
        higher = max(size[1] - column, 0.0)
        if wider < NEARLY * size[0] and higher < NEARLY * size[1]:
            return
        figure.set_size_inches(width + wider, height + higher)
    if reserve:
        reserve()
    _arrange(figure)


def _wrap(figure: Figure) -> None:
    """Break titles and axis labels that are wider than their place."""
    to_points, margin = 72 / figure.dpi, points(MARGIN)
    width, height = (72 * inches for inches in figure.get_size_inches())
    for axes in _with_children(figure):
        owner = axes if axes in figure.axes else next(each for each in figure.axes if axes in each.child_axes)
        box, spec = owner.get_window_extent(), owner.get_subplotspec()
        rows, columns = spec.get_gridspec().get_geometry() if spec else (1, 1)
        middle = to_points * (box.x0 + box.x1) / 2
        across = min(2 * min(middle, width - middle), width / columns) - 2 * margin
        middle = to_points * (box.y0 + box.y1) / 2
        along = min(2 * min(middle, height - middle), height / rows) - 2 * margin
        _break(axes.title, across)
        _break(axes.xaxis.label, across)
        _break(axes.yaxis.label, along)
    for text, length in (("_suptitle", width), ("_supxlabel", width), ("_supylabel", height)):
        _break(getattr(figure, text), length - 2 * margin)


def _break(text: Text | None, length: float) -> None:
    if text is not None and text.get_text():
        text.set_text(wrapped(shortened(text.get_text()), length, text.get_fontproperties()))


def _beside(
    figure: Figure,
    entries: Mapping[str, Any],
    owner: Axes | Figure,
    size: tuple[float, float],
    side: Side,
    heading: str | None,
) -> None:
    """Place the legend right of the panels or below them, in as many columns as fit."""
    margin = points(MARGIN) / 72
    look: dict[str, Any] = {"title": heading, "fontsize": None if side == "below" else "small"}
    width, height = figure.get_size_inches()
    room = width - 2 * margin
    labels = shown_labels(entries)
    legend, (wide, high) = _measured(figure, owner, entries, labels, 1, look)
    below = fixed_width() is not None or side == "below"
    if not below:
        columns = math.ceil(high / (height - 2 * margin))
        below = columns * wide > width / 2
    if below and wide > room:
        (font, *_) = [text.get_fontproperties() for text in legend.get_texts()]
        _, (handle, _) = _measured(figure, owner, entries, [""] * len(entries), 1, look)
        labels = [wrapped(label, 72 * (room - handle), font) for label in labels]
    if below:
        gap = legend.columnspacing * legend.prop.get_size_in_points() / 72
        columns = min(max(1, int((room + gap) / (wide + gap))), len(entries))
    if columns > 1 or wide > room:
        legend, (wide, high) = _measured(figure, owner, entries, labels, columns, look)
    if below:

        def reserve() -> None:
            _, total = figure.get_size_inches()
            share = (high + 2 * margin) / total
            legend.set_loc("lower center")
            legend.set_bbox_to_anchor((0.5, margin / total), figure.transFigure)
            _keep_free(figure, (0, share, 1, 1 - share))

        figure.set_size_inches(width, height + high + margin)
    else:

        def reserve() -> None:
            total, _ = figure.get_size_inches()
            share = (wide + 2 * margin) / total
            legend.set_loc("center right")
            legend.set_bbox_to_anchor((1 - margin / total, 0.5), figure.transFigure)
            _keep_free(figure, (0, 0, 1 - share, 1))

        figure.set_size_inches(width + wide + 2 * margin, height)
    _grow(figure, size, reserve)


def _lift(figure: Figure) -> None:
    """Put the name of the axis that all panels share above a legend that stands below them."""
    label, rest = getattr(figure, "_supxlabel", None), cast("ConstrainedLayoutEngine", figure.get_layout_engine()).get()
    if label is not None and rest["rect"][1]:
        label.set_y(label.get_position()[1] + rest["rect"][1])


def _keep_free(figure: Figure, rest: tuple[float, float, float, float]) -> None:
    """Leave the panels only the `rest` of the figure: left, bottom, width, height, as shares of it."""
    cast("ConstrainedLayoutEngine", figure.get_layout_engine()).set(rect=rest)


def _measured(
    figure: Figure, owner: Axes | Figure, entries: Mapping[str, Any], labels: list[str], columns: int, look: Any
) -> tuple[Legend, tuple[float, float]]:
    """Draw a legend in that many columns; return it with its width and height in inches."""
    for old in list(figure.legends):
        old.remove()
    legend = outside(owner, entries, labels, ncols=columns, **look)
    box = legend.get_window_extent()
    return legend, (box.width / figure.dpi, box.height / figure.dpi)


def _thin(axis: Any) -> bool:
    """Hide tick labels that would overlap; on an axis with powers of ten, those between the powers first. Returns
    whether any did.
    """
    hidden = False
    kept: list[Any] = []
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    axis.get_tightbbox()  # which puts marks and numbers where they will stand
    for tick in itertools.chain(axis.get_major_ticks(), axis.get_minor_ticks()):
        if not low - slack <= tick.get_loc() <= high + slack:
            continue
        for label in (tick.label1, tick.label2):
            if not (label.get_visible() and label.get_text()):
                continue
            box = label.get_window_extent().padded(points(1))
            if any(box.overlaps(other) for other in kept):
                label.set_visible(False)
                hidden = True
            else:
                kept.append(box)
    return hidden
