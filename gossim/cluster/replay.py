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
    """What one worker was recorded to take, gradient after gradient, in `seconds`, and whether it wraps at the end."""

    seconds: np.ndarray
    wraps: bool


class Replay(Frozen):
    """A CSV file of measured steps, one a row: worker m's gradients take the times of rank m, in the order of the file.

    `replay`: the file. `worker`: the column with the rank, from 0. `column`: the one with the time, in seconds unless
    `unit` says in which unit it is. `at_end`: what happens when a worker has taken all its times: `wrap`, it begins
    again with the first, or `stop`, the run ends when it would begin another gradient. Ranks beyond the arm's workers
    are left out.
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
        """The times of each rank in the file, in seconds."""
        return _read(self.replay, self.worker, self.column, UNITS[self.unit].factor if self.unit else 1.0)

    def of_worker(self, worker: int) -> Recorded:
        """The times of that worker, of whom the file has some."""
        return Recorded(self.recorded()[worker], self.at_end == "wrap")

    def unfit(self, workers: int) -> str | None:
        ranks = self.recorded()
        missing = next((worker for worker in range(workers) if worker not in ranks), None)
        if missing is None:
            return None
        hint = from_one(ranks, workers)
        return f"{self.file} has no times of worker {missing}, and there are {workers} workers{hint}"


@remembered
def _read(file: str, worker: str, column: str, factor: float) -> dict[int, np.ndarray]:
    """Raises InputError, naming file and line."""
    times: dict[int, list[float]] = {}
    for line, (rank, time) in read_columns(file, (worker, column)):
        where = int(number(rank, RANK, f"{file}, line {line}: {worker} = "))
        times.setdefault(where, []).append(number(time, POSITIVE, f"{file}, line {line}: {column} = ") * factor)
    return {rank: np.array(each) for rank, each in times.items()}
