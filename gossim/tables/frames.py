"""The tables of a run as pandas' frames, from rows or from columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..files.atomic import whole
from .columns import DERIVED, TABLES, Column, columns_of
from .probe_rows import Columns


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of that name with these rows, with the columns of `columns.columns_of`."""
    listed = list(rows)
    present = dict.fromkeys(key for row in listed for key in row) if name == "probes" else ()
    return typed(name, pd.DataFrame(listed, columns=[column.name for column in columns_of(name, present)]))


def with_metrics(probes: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return `probes` with exactly these columns after those of every run; what is not there is empty.

    Raises:
        InputError: It has other columns.
    """
    fixed = [column.name for column in TABLES["probes"]]
    for column in probes.columns:
        if column not in fixed and column not in metrics:
            raise InputError(f"probes.parquet does not fit scenario.yaml: it has '{column}', which nothing measures")
    missing = [column for column in metrics if column not in probes]
    return probes.assign(**dict.fromkeys(missing, np.nan))[[*fixed, *metrics]]


def stacked(name: str, parts: Sequence[Columns]) -> pd.DataFrame:
    """Return the table of that name from parts, each by column, one below the other."""
    if not parts:
        return table(name, [])
    sizes = [max(np.size(column) for column in part.values()) for part in parts]

    def together(column: Column) -> np.ndarray:
        kind = object if column.dtype == "str" else None  # numpy's own texts would take four bytes a character and row
        each = [np.asarray(part[column.name], dtype=kind) for part in parts]
        return np.concatenate([np.broadcast_to(own, size) for own, size in zip(each, sizes, strict=True)])

    return typed(name, pd.DataFrame({column.name: together(column) for column in TABLES[name]}))


def joined(name: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the table of that name from tables, one below the other."""
    filled = [part for part in parts if len(part)] or parts[:1]
    if len(filled) < 2:
        return filled[0] if filled else table(name, [])
    return pd.concat(filled, ignore_index=True)


def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with its columns in the order and of the types of `columns_of` or `DERIVED`."""
    columns = DERIVED[name] if name in DERIVED else columns_of(name, frame.columns)
    return frame[[column.name for column in columns]].astype({column.name: column.dtype for column in columns})


def write_frames(frames: Iterable[pd.DataFrame], path: Path) -> None:
    """Write frames, one below the other, to a .csv or .parquet file.

    In a .csv a text that a spreadsheet would take for a formula, which may run a program, gets a ' in front.
    """
    together = pd.concat(list(frames), ignore_index=True)
    try:
        with whole(path) as draft:
            if path.suffix == ".csv":
                _harmless(together).to_csv(draft, index=False)
            else:
                together.to_parquet(draft, engine="pyarrow", index=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet computes."""


def _harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with texts that begin like a formula quoted. Numbers stay as they are."""
    texts = frame.select_dtypes(exclude=["number", "bool"])
    quoted = texts.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULAS) else cell)
    return frame.assign(**{str(name): quoted[name] for name in texts})
