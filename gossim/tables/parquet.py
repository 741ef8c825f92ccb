"""The tables of a run directory: written with a mark by which they are known to belong together, checked when read."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import BinaryIO, get_args

import numpy as np
import pandas as pd

from ..errors import InputError
from ..scenario.scenario import Scenario
from ..sim.timeline import ActivityKind
from .columns import LATER, TABLES, columns_of
from .frames import table
from .run_data import RunData

MARK = "gossim_recorded"
"""Under which a table says, beside its rows, of how many runs it holds them. pandas keeps such `attrs` in the file."""

UNKNOWN = -1
"""What a table says that has no mark: an earlier version wrote it, or somebody has changed it with pandas."""

MEASURED = ("time_s", "start_s", "end_s", "busy_s", "waiting_s", "computing_s", "sending_s", "down_s")
"""Columns of numbers that are never empty or infinite."""

LARGEST_MEASURED = 1e200
"""Of these: what a scenario says is at most 1e100, and drawings and traces multiply."""


def write_table(frame: pd.DataFrame, path: Path | BinaryIO, recorded: int) -> None:
    """Write a table that holds the rows of `recorded` arms with a seed."""
    marked = frame.copy(deep=False)
    marked.attrs = {MARK: recorded}
    marked.to_parquet(path, engine="pyarrow", index=False)


def read_table(name: str, path: Path | BinaryIO) -> tuple[pd.DataFrame, int]:
    """Read the table of that name, with columns that earlier versions did not write left empty.

    Returns:
        The table, and of how many runs it holds the rows.

    Raises:
        InputError: If it is not that table.
    """
    later = LATER.get(name, set())
    if isinstance(path, Path) and later == {column.name for column in TABLES[name]} and not path.exists():
        return table(name, []), UNKNOWN
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except Exception as error:  # pyarrow has many ways to say that a file is damaged
        raise InputError(f"the run's tables cannot be read: {name}.parquet: {error}") from None
    mark = frame.attrs.get(MARK, UNKNOWN)
    frame.attrs = {}
    columns = columns_of(name, frame.columns)
    missing = {column.name: column.dtype for column in columns if column.name in later - set(frame.columns)}
    if list(frame.columns) == [column.name for column in columns if column.name not in missing]:
        frame = frame.assign(**dict.fromkeys(missing)).astype(missing)[[column.name for column in columns]]
    if list(frame.columns) != [column.name for column in columns]:
        raise InputError(f"{name}.parquet does not have the columns that this gossim writes")
    for problem in _ill_typed(name, frame):
        raise InputError(f"{name}.parquet is damaged: {problem}")
    return frame, mark if isinstance(mark, int) else UNKNOWN


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


def only(frame: pd.DataFrame, runs: Set[tuple[str, int]]) -> pd.DataFrame:
    """Return the rows of these arms and seeds."""
    kept = np.fromiter((key in runs for key in zip(frame["arm"], frame["seed"], strict=True)), bool, len(frame))
    return frame[kept].reset_index(drop=True)


def check(data: RunData) -> None:
    """Check that tables hold only what their scenario has.

    Raises:
        InputError: If they do not: they are another run's, or damaged.
    """
    for name in TABLES:
        for problem in _unfit(name, getattr(data, name), data.scenario):
            raise InputError(f"{name}.parquet does not fit scenario.yaml: {problem}")
    runs = ["arm", "seed"]
    measured, rows = (frame.groupby(runs)["time_s"].count() for frame in (data.probes, data.workers))
    for arm, seed in measured.index.union(rows.index):
        probes, workers = int(measured.get((arm, seed), 0)), data.scenario.arms[arm].workers
        if rows.get((arm, seed), 0) != probes * workers:
            told = f"arm {arm!r} with seed {seed}, and probes.parquet has {probes} probes of {workers} workers"
            raise InputError(f"workers.parquet does not have a row of each worker at each probe of {told}")
    if data.probes.duplicated([*runs, "time_s"]).any():
        raise InputError("probes.parquet has two rows of the same time")
    if data.workers.duplicated([*runs, "time_s", "worker"]).any():
        raise InputError("workers.parquet has two rows of the same worker at the same time")


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
