"""The tables of a run directory: written with a mark by which they are known to belong together, checked when read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from ..errors import InputError
from ..scenario.scenario import Scenario
from .columns import LATER, TABLES
from .frames import table
from .pieces import PIECE_ROWS, write_pieces
from .run_data import RunData
from .stored_table import StoredTable, conformed, unreadable

MARK = "gossim_recorded"
"""Under which a table says, beside its rows, of how many runs it holds them. pandas keeps such `attrs` in the file."""

UNKNOWN = -1
"""What a table says that has no mark: an earlier version wrote it, or somebody has changed it with pandas."""

RUN = ["arm", "seed"]


def write_table(frames: Iterable[pd.DataFrame], path: Path | BinaryIO, recorded: int) -> None:
    """Write a table with the rows of `recorded` arms with a seed, frame by frame."""
    write_pieces(frames, path, {MARK: recorded})


def read_table(name: str, path: Path | BinaryIO) -> tuple[pd.DataFrame | StoredTable, int]:
    """Read the table of that name, with columns that earlier versions did not write left empty.

    Returns:
        The table, which stays on the disk if it is long, and of how many runs it holds the rows.

    Raises:
        InputError: If it is not that table.
    """
    if isinstance(path, Path):
        if LATER.get(name) == {column.name for column in TABLES[name]} and not path.exists():
            return table(name, []), UNKNOWN
        rows, mark = _looked_at(name, path)
        if rows > PIECE_ROWS:
            return StoredTable(name, path), mark
    return read_frame(name, path)


def read_frame(name: str, path: Path | BinaryIO) -> tuple[pd.DataFrame, int]:
    """Read all of the table of that name. See `read_table`."""
    try:
        frame = pd.read_parquet(path, engine="pyarrow", use_threads=False)
    except Exception as error:  # pyarrow has many ways to say that a file is damaged
        raise unreadable(name, error) from None
    mark = frame.attrs.get(MARK, UNKNOWN)
    frame.attrs = {}
    return conformed(name, frame), mark if isinstance(mark, int) else UNKNOWN


def _looked_at(name: str, path: Path) -> tuple[int, int]:
    """How many rows a file has, and its mark."""
    import pyarrow.parquet as pq

    try:
        found = pq.read_metadata(path)
        attributes = json.loads((found.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    except Exception as error:  # as above
        raise unreadable(name, error) from None
    mark = attributes.get(MARK, UNKNOWN) if isinstance(attributes, dict) else UNKNOWN
    return found.num_rows, mark if isinstance(mark, int) else UNKNOWN


def check(data: RunData) -> None:
    """Check that tables hold only what their scenario has.

    Raises:
        InputError: If they do not: they are another run's, or damaged.
    """
    counts: dict[str, pd.Series] = {}
    for name in TABLES:
        each = []
        for piece in data.pieces(name):
            for problem in _unfit(name, piece, data.scenario):
                raise InputError(f"{name}.parquet does not fit scenario.yaml: {problem}")
            if name in ("probes", "workers"):
                each.append(piece.groupby(RUN)["time_s"].count())
        if each:
            counts[name] = each[0] if len(each) == 1 else pd.concat(each).groupby(level=RUN).sum()
    measured, rows = counts["probes"], counts["workers"]
    for arm, seed in measured.index.union(rows.index):
        probes, workers = int(measured.get((arm, seed), 0)), data.scenario.arms[arm].workers
        if rows.get((arm, seed), 0) != probes * workers:
            told = f"arm {arm!r} with seed {seed}, and probes.parquet has {probes} probes of {workers} workers"
            raise InputError(f"workers.parquet does not have a row of each worker at each probe of {told}")
    if data.probes.duplicated([*RUN, "time_s"]).any():
        raise InputError("probes.parquet has two rows of the same time")
    if not _in_order(data) and data.workers.duplicated([*RUN, "time_s", "worker"]).any():
        raise InputError("workers.parquet has two rows of the same worker at the same time")


def _in_order(data: RunData) -> bool:
    """Whether `workers` has arm by arm and seed by seed, in order of time and worker, each row once, as it is written.
    A file that somebody else has written need not."""
    begun: set[tuple[str, int]] = set()
    last: pd.DataFrame | None = None
    for piece in data.pieces("workers", [*RUN, "time_s", "worker"]):
        rows = piece if last is None else pd.concat([last, piece], ignore_index=True)
        if rows.empty:
            continue
        arms, seeds, times, workers = (rows[name].to_numpy() for name in (*RUN, "time_s", "worker"))
        other = (arms[1:] != arms[:-1]) | (seeds[1:] != seeds[:-1])
        later = (times[1:] > times[:-1]) | ((times[1:] == times[:-1]) & (workers[1:] > workers[:-1]))
        if not (other | later).all():
            return False
        new = [(arms[place], seeds[place]) for place in (*([0] if last is None else []), *np.flatnonzero(other) + 1)]
        if len({*new, *begun}) < len(new) + len(begun):
            return False
        begun |= {*new}
        last = rows.iloc[-1:]
    return True


def _unfit(name: str, frame: pd.DataFrame, scenario: Scenario) -> Iterator[str]:
    yield from (f"there is no arm {arm!r}" for arm in frame["arm"].unique() if arm not in scenario.arms)
    seeds = frame["seed"].unique()
    yield from (f"there is no seed {seed}" for seed in seeds if int(seed) not in scenario.seeds)
    if "worker" in frame:
        own = frame[frame["activity"] != "message"] if "activity" in frame else frame  # a server sends messages too
        for arm, numbers in own.groupby("arm")["worker"]:
            workers = scenario.arms[str(arm)].workers
            if numbers.min() < 0 or numbers.max() >= workers:
                yield f"arm {arm!r} has {workers} workers, and there is one numbered {numbers.max()}"
