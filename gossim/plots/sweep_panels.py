"""The points of a sweep on figures: which key is along the axis, what the other's values are called, panels in rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from ..schema.violations import short
from ..tables.sweep_data import SweepData
from .names import as_text
from .style import fixed_width, inches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
"""Panels side by side."""

NARROWEST = 2.5
"""Inches of such a panel in a figure whose width is given."""

MANY = 12
"""Panels of a figure, or lines of a panel; of more values as many are shown, evenly spread."""

DECADE = 10
"""Values that span so much are on a logarithmic axis."""


def axis_key(results: SweepData) -> str | None:
    """Choose the key along the axis: the first with numbers, never null if possible; None without numbers."""
    keys = [key for key in results.sweep.keys if {type(cell) for cell in results.sweep.cells(key)} & {int, float}]
    keys = [key for key in keys if pd.api.types.is_numeric_dtype(results.table[key])]
    return min(keys, key=lambda key: None in results.sweep.cells(key), default=None)


def shown_values(results: SweepData, key: str) -> dict[Any, str]:
    """Return the value of `key` in the table and its label for each shown value; of very many values, only some."""
    named = dict(zip(results.sweep.cells(key), [point.values[key] for point in results.sweep.points], strict=True))
    places = spread(len(named))
    return {cell: _called(value) for place, (cell, value) in enumerate(named.items()) if place in places}


def spread(count: int) -> set[int]:
    """Choose the places of MANY of `count` values, the first and the last among them; all, if there are no more."""
    return {round(place) for place in np.linspace(0, count - 1, min(count, MANY))}


def values_left_out(results: SweepData, key: str | None) -> str:
    """Return what to say below the title if `shown_values` are not all."""
    count = len(set(results.sweep.cells(key))) if key else 0
    if key is None or count <= MANY:
        return ""
    return f"\n{MANY} of {count} values of {key.rpartition('.')[2]}; sweep.parquet has all"


def rows_of(frame: pd.DataFrame, key: str, cell: Any) -> pd.DataFrame:
    """Return the rows of the points at which `key` is `cell`; null means empty."""
    return frame[frame[key].isna() if cell is None else frame[key].eq(cell)]


def panel_rows(count: int) -> tuple[Figure, list[Axes]]:
    """Lay out panels of the same keys and measures in rows of COLUMNS."""
    columns = min(count, COLUMNS, max(1, int((fixed_width() or 100) / NARROWEST)))
    rows = math.ceil(count / columns)
    width, height = 12 if columns == 1 else 5.6 * columns + 1, 6.75 if rows == 1 else 5 * rows + 1
    figure = Figure(figsize=inches(width, height))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in grid[count:]:
        axes.remove()
    for axes in grid[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)  # where nothing is below
    return figure, list(grid[:count])


def number_axis(axes: Axes, values: Any) -> None:
    """Put marks along the axis at the values of the key; logarithmic where they span a decade."""
    values = np.unique(np.asarray(values, dtype=float))
    values = values[~np.isnan(values)]
    if spans(values):
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if 0 < len(values) <= 8:
        axes.xaxis.set_major_locator(FixedLocator(list(values)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def spans(values: Any) -> bool:
    """Return whether the numbers among the values are positive and span a decade."""
    present = values[~np.isnan(values)]
    return bool(present.size and present.min() > 0 and present.max() >= DECADE * present.min())


def _called(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else short(value)
    return as_text(text)
