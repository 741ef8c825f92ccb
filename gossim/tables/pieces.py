"""Tables that may be longer than memory: cut into pieces, which are written and read one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd

from .frames import joined

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_ROWS = 2**15
"""Rows of a table that are in memory at a time while it is written, and of a group of rows in its file."""


def cut(frames: Iterable[pd.DataFrame], rows: int | None = None) -> Iterator[pd.DataFrame]:
    """Cut frames, one below the other, into pieces of `rows` rows, or of PIECE_ROWS; the last one may be shorter.

    Where there are no rows the one piece is empty.
    """
    most = rows or PIECE_ROWS
    held: list[pd.DataFrame] = []
    count, pieces = 0, 0
    empty: list[pd.DataFrame] = []
    for frame in frames:
        empty = empty or [frame.iloc[:0]]
        while len(frame):
            taken = frame.iloc[: most - count]
            held.append(taken)
            count += len(taken)
            frame = frame.iloc[len(taken) :]
            if count == most:
                yield joined("", held)
                held, count, pieces = [], 0, pieces + 1
    if held or not pieces:
        yield joined("", held or empty)


def write_pieces(frames: Iterable[pd.DataFrame], path: Path | BinaryIO, attributes: dict[str, Any]) -> None:
    """Write frames, one below the other, as `pandas.DataFrame.to_parquet` writes one of up to PIECE_ROWS rows.

    Args:
        frames: At least one, all with the same columns.
        path: The file.
        attributes: What `DataFrame.attrs` of the table is to be.
    """
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None
    try:
        for piece in cut(frames):
            table = _arrow(piece, attributes)
            writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
            writer.write_table(table)
    finally:
        if writer:
            writer.close()


def _arrow(frame: pd.DataFrame, attributes: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    marked = frame.copy(deep=False)
    marked.attrs = attributes
    table = pa.Table.from_pandas(marked, preserve_index=False)
    return table.replace_schema_metadata({**table.schema.metadata, "PANDAS_ATTRS": json.dumps(attributes)})
