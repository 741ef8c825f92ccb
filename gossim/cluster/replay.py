"""Compute times as each worker was recorded: its own, in their order."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import model_validator

from ..errors import InputError
from ..files import trust
from ..files.column_units import GRADIENTS, TIME, UNITS, refusal, says_nothing, unit_of
from ..files.csv_columns import POSITIVE, Rule, number, read_columns, remembered
from ..schema.fields import Frozen, named
from ..schema.violations import broken, broken_at
from .selection import from_one

AT_END = ("wrap", "stop")

RANK = Rule("a whole number >= 0", lambda x: x >= 0 and x.is_integer() and x < 2**53)


class Recorded(NamedTuple):
    """The recorded times of one worker, gradient after gradient, in `seconds`, and whether they are repeated at the
    end.
    """

    seconds: np.ndarray
    wraps: bool


class Replay(Frozen):
    """A CSV file of measured steps, one per row: worker m's gradients take the times of rank m, in the order of the
    file.

    `replay`: the file. `worker`: the column with the rank, from 0. `column`: the one with the time, in seconds unless
    `unit` says in which unit it is. `at_end`: what happens when a worker has taken all its times: `wrap`, it begins
    again with the first, or `stop`, the run ends when it would begin another gradient. An arm with fewer workers than
    another leaves out the ranks that it has not.
    """

    replay: str
    worker: str
    column: str
    unit: Annotated[str, unit_of(TIME)] | None = None
    at_end: Annotated[str, named("at_end", AT_END)] = "wrap"

    @property
    def file(self) -> str:
        """The file under the name that other sections give theirs."""
        return self.replay

    @model_validator(mode="after")
    def _is_in_seconds(self) -> Replay:
        if self.unit is None and says_nothing(self.column):  # seconds, and the scenario warns of it
            return self
        wrong = refusal(self.column, self.file, "s", self.unit, "unit: {}", GRADIENTS)
        if wrong:
            raise broken_at(("column",), self.column, wrong)
        return self

    @model_validator(mode="after")
    def _can_be_read(self) -> Replay:
        if not trust.present().files:
            return self
        try:
            self.recorded()
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def recorded(self) -> dict[int, np.ndarray]:
        """Return the times of each rank in the file, in seconds."""
        factor = UNITS[self.unit].factor if self.unit else 1.0
        return {rank: rows.times for rank, rows in _read(self.replay, self.worker, self.column, factor).items()}

    def of_worker(self, worker: int) -> Recorded:
        """Return the times of that worker, which the file has."""
        return Recorded(self.recorded()[worker], self.at_end == "wrap")

    def unfit(self, workers: int) -> str | None:
        """Return why it does not fit that many workers; None if it does."""
        ranks = self.recorded()
        missing = next((worker for worker in range(workers) if worker not in ranks), None)
        if missing is None:
            return None
        hint = from_one(ranks, workers)
        return f"{self.file} has no times of worker {missing}, and there are {workers} workers{hint}"

    def beyond(self, workers: int) -> str | None:
        """Say in words which row is of a worker outside of 0 … workers − 1; None if there is no such row."""
        ranks = _read(self.replay, self.worker, self.column, 1.0)
        rank = min((rank for rank in ranks if rank >= workers), default=None)
        if rank is None:
            return None
        return f"{self.file}, line {ranks[rank].line}: {self.worker} = {rank}{from_one(ranks, workers)}"


class _Rows(NamedTuple):
    """The times of one rank, and the line on which the first stands."""

    line: int
    times: np.ndarray


@remembered
def _read(file: str, worker: str, column: str, factor: float) -> dict[int, _Rows]:
    """Return the rows of each rank.

    Raises:
        InputError: Naming file and line.
    """
    times: dict[int, list[float]] = {}
    lines: dict[int, int] = {}
    for line, (rank, time) in read_columns(file, (worker, column)):
        where = int(number(rank, RANK, f"{file}, line {line}: {worker} = "))
        lines.setdefault(where, line)
        times.setdefault(where, []).append(number(time, POSITIVE, f"{file}, line {line}: {column} = ") * factor)
    return {rank: _Rows(lines[rank], np.array(each)) for rank, each in times.items()}
