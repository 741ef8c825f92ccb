"""Where things stand on a figure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

COLUMN = 3.3


def legends(figure: Figure) -> list[Any]:
    return [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in legends(figure) for text in legend.get_texts()]


def texts(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """All that is to be read on a figure, and where it stands; numbers outside of their axis are not drawn."""
    ticks: set[Text] = set()
    every = [each for axes in figure.axes for each in (axes, *axes.child_axes)]
    for axis in itertools.chain.from_iterable((axes.xaxis, axes.yaxis) for axes in every):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low - 1e-9 * (high - low) <= tick.get_loc() <= high + 1e-9 * (high - low):
                ticks |= {tick.label1, tick.label2}
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible() and text not in ticks:
            yield text, text.get_window_extent()


def check(figure: Figure) -> None:
    """Everything is on the figure, nothing on anything else."""
    figure.draw_without_rendering()
    whole = Bbox.from_bounds(0, 0, *(figure.dpi * figure.get_size_inches())).padded(1)
    shown = list(texts(figure))
    for text, box in shown:
        inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert inside, f"{text.get_text()!r} at {box} is not within {whole}"
    for (one, first), (other, second) in itertools.combinations(shown, 2):
        both = Bbox.intersection(first, second)
        if both is not None and min(both.width, both.height) > 1.0:  # less is the rim of a letter's box
            raise AssertionError(f"{one.get_text()!r} and {other.get_text()!r} overlap: {both}")
    for legend in legends(figure):
        box = legend.get_window_extent()
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1
        for axes in figure.axes:
            assert not covered(box, axes)
            if legend is not axes.get_legend():
                assert not box.overlaps(axes.get_window_extent())


def covered(box: Bbox, axes: Any) -> list[Any]:
    """The curves and bands of a panel in `box`, by points along their outlines."""
    found = []
    for line in axes.get_lines():
        if len(line.get_xdata()):
            found += [line] if any(box.contains(x, y) for x, y in along(line.get_path(), line.get_transform())) else []
    for drawn_ in axes.collections:
        if not isinstance(drawn_, PathCollection):
            every = [along(path, drawn_.get_transform()) for path in drawn_.get_paths() if len(path.vertices)]
            found += [drawn_ for outline in every if any(box.contains(x, y) for x, y in outline)]
    return found


def along(path: Any, transform: Any) -> np.ndarray:
    corners = transform.transform(path.vertices)
    share = np.linspace(0, 1, 50)[:, None, None]
    return (corners[:-1] * (1 - share) + corners[1:] * share).reshape(-1, 2)
