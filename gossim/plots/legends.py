"""Legends: what is in them, and whether they cover anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import PathCollection

from .names import from_label, shortened
from .style import points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


def entries_of(panels: Iterable[Axes]) -> dict[str, Any]:
    """Return the legend entries of all panels, each once."""
    return {text: line for each in panels for line, text in zip(*each.get_legend_handles_labels(), strict=True)}


def shown_labels(entries: Mapping[str, Any]) -> list[str]:
    """Return the labels as they are shown; two that are equal once shortened get numbers."""
    labels = [shortened(from_label(label)) for label in entries]
    if len(set(labels)) < len(labels):
        labels = [f"{number}: {label}" for number, label in enumerate(labels, 1)]
    return labels


def inside(axes: Axes, entries: Mapping[str, Any]) -> Legend:
    """Place a legend in the panel where it covers least."""
    legend = axes.legend(list(entries.values()), shown_labels(entries), loc="best")
    legend.set_in_layout(False)
    return legend


def keep_place(legend: Legend, axes: Axes) -> None:
    """Fix the legend where it covers least now; otherwise it would move with every change of size."""
    corner = axes.transAxes.inverted().transform(legend.get_window_extent().min)
    legend.set_loc(tuple(corner))


def outside(owner: Axes | Figure, entries: Mapping[str, Any], labels: list[str], **look: Any) -> Legend:
    """Place a legend that takes no room from the panels by itself."""
    legend = owner.legend(list(entries.values()), labels, loc="center", borderaxespad=0, **look)
    legend.set_in_layout(False)
    return legend


def covers(legend: Legend, axes: Axes) -> bool:
    """Return whether the legend lies on a curve, a band or a marker of the panel, or reaches out of it."""
    box, panel = legend.get_window_extent(), axes.get_window_extent()
    if not (panel.x0 <= box.x0 and box.x1 <= panel.x1 and panel.y0 <= box.y0 and box.y1 <= panel.y1):
        return True
    box = box.padded(points(2))
    for line in axes.get_lines():
        if np.size(line.get_xydata()) and line.get_transform().transform_path(line.get_path()).intersects_bbox(
            box, False
        ):
            return True
    for drawn in axes.collections:
        if isinstance(drawn, PathCollection):
            places = np.atleast_2d(drawn.get_offset_transform().transform(drawn.get_offsets()))
            if np.any([box.contains(x, y) for x, y in places]):
                return True
            continue
        paths = [drawn.get_transform().transform_path(path) for path in drawn.get_paths() if np.size(path.vertices)]
        if any(path.intersects_bbox(box, True) for path in paths):
            return True
    return False
