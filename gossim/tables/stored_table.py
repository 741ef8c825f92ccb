"""A table on the disk, read piece by piece, and whether its columns are those that gossim writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from ..errors import InputError
from ..sim.timeline import ActivityKind
from .columns import LATER, columns_of
from .pieces import PIECE_ROWS

MEASURED = ("time_s", "start_s", "end_s", "busy_s", "waiting_s", "computing_s", "sending_s", "down_s")
"""Columns of numbers that are never empty or infinite."""

LARGEST_MEASURED = 1e200
"""Of these: what a scenario says is at most 1e100, and drawings and traces multiply."""


class StoredTable:
    """A table that is too long to be in memory as a matter of course: its file stays open.

    So what is read is what was there when this was made, even if another file has taken its place.

    Args:
        name: The name of the table.
        path: Its Parquet file.
        runs: The arms and seeds whose rows are meant; all, where it is None.
    """

    def __init__(self, name: str, path: Path, runs: Collection[tuple[str, int]] | None = None):
        import pyarrow as pa

        self.name, self.path, self.runs = name, path, runs
        self._file = pa.OSFile(str(path))  # it reads by place, also in processes that are forked from this one

    def only(self, runs: Collection[tuple[str, int]]) -> StoredTable:
        """The same table with the rows of these arms and seeds alone."""
        same = copy(self)  # with the same open file
        same.runs = runs
        return same

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Read some thousand rows at a time, with all columns or with these. Raises InputError if it is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        keys = ["arm", "seed"] if self.runs is not None else []
        wanted = None if columns is None else list(dict.fromkeys([*keys, *columns]))
        try:
            for batch in pq.ParquetFile(self._file).iter_batches(PIECE_ROWS, columns=wanted, use_threads=False):
                frame = pa.Table.from_batches([batch]).to_pandas(use_threads=False)
                frame.attrs = {}
                if wanted is None:
                    frame = conformed(self.name, frame)
                if self.runs is not None:
                    frame = only(frame, self.runs)
                yield frame if columns is None else frame[list(columns)]
        except (OSError, pa.ArrowException) as error:
            raise unreadable(self.name, error) from None

    def frame(self) -> pd.DataFrame:
        """Read all of it."""
        return pd.concat(list(self.pieces()), ignore_index=True)


def unreadable(name: str, error: Exception) -> InputError:
    """What is wrong with a table that cannot be read."""
    return InputError(f"the run's tables cannot be read: {name}.parquet: {error}")


def only(frame: pd.DataFrame, runs: Collection[tuple[str, int]]) -> pd.DataFrame:
    """Return the rows of these arms and seeds."""
    kept = np.fromiter((key in runs for key in zip(frame["arm"], frame["seed"], strict=True)), bool, len(frame))
    return frame[kept].reset_index(drop=True)


def conformed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the table of that name, with columns that earlier versions did not write left empty.

    Raises:
        InputError: If they are not rows of that table.
    """
    columns = columns_of(name, frame.columns)
    later = LATER.get(name, set())
    missing = {column.name: column.dtype for column in columns if column.name in later - set(frame.columns)}
    if list(frame.columns) == [column.name for column in columns if column.name not in missing]:
        frame = frame.assign(**dict.fromkeys(missing)).astype(missing)[[column.name for column in columns]]
    if list(frame.columns) != [column.name for column in columns]:
        raise InputError(f"{name}.parquet does not have the columns that this gossim writes")
    for problem in _ill_typed(name, frame):
        raise InputError(f"{name}.parquet is damaged: {problem}")
    return frame


def _ill_typed(name: str, frame: pd.DataFrame) -> Iterator[str]:
    for column in columns_of(name, frame.columns):
        values = frame[column.name]
        if str(values.dtype) != column.dtype:
            yield f"{column.name} is of type {values.dtype}, and must be {column.dtype}"
        elif column.dtype == "str" and values.isna().any():
            yield f"{column.name} is empty in some rows"
        elif column.name in MEASURED and not (np.abs(values.to_numpy()) <= LARGEST_MEASURED).all():
            yield f"{column.name} is not a finite number in some rows, or one that no clock shows"
        elif column.name in MEASURED and (values < 0).any():
            yield f"{column.name} is negative in some rows"
    if name == "timeline":
        if (frame["end_s"] < frame["start_s"]).any():
            yield "end_s is before start_s in some rows"
        unknown = set(frame["activity"].unique()) - set(get_args(ActivityKind))
        if unknown:
            yield f"there is no activity {min(unknown)!r}"
