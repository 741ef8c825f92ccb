"""Workers that fail: when each is down, and with which parameters it comes back."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import model_validator

from ..errors import InputError, RunError
from ..files import trust
from ..files.csv_columns import SECONDS, number, read_columns, remembered
from ..rng import Purpose, stream
from ..schema.chosen import chosen_by
from ..schema.fields import Lasting, Quantity, named
from ..schema.violations import broken
from .selection import Chosen, from_one

RETURNS = {
    "kept": "with the parameters, the optimizer's state and the weight that it had",
    "reset": "with the initial parameters, an optimizer that starts anew, and the weight that it had",
    "fetched": "with the parameters of a random worker that is up, for which it asks, and half of that one's weight; "
    "its own weight is lost, and its optimizer starts anew",
}
"""How a worker comes back."""

Returns = Annotated[str, named("way to come back", RETURNS)]


class Outage(NamedTuple):
    """A worker is down from `down_s` until `up_s` (infinite: for good), and returns with these `parameters`."""

    down_s: float
    up_s: float
    parameters: str


class Fault(Chosen):
    """Which workers fail, and when.

    A worker that goes down loses what it computes, what it has received and not merged, and what it has not sent to
    the last byte. Messages that reach it while it is down are lost too. The other workers do not notice.
    """

    purpose: ClassVar[Purpose] = Purpose.FAULTS
    name: str

    def outages(self, seed: int, number: int, worker: int) -> Iterator[Outage]:
        """Yield the outages of one worker that it concerns, in order."""
        raise NotImplementedError


class Crash(Fault):
    """A worker is down from `at_s` on, and up again `back_after_s` later (null: never)."""

    everyone: ClassVar[bool] = False
    name: Literal["crash"] = "crash"
    at_s: Quantity
    back_after_s: Lasting | None = None
    parameters: Returns | None = None

    @model_validator(mode="after")
    def _says_how_it_comes_back(self) -> Crash:
        if (self.back_after_s is None) != (self.parameters is None):
            raise broken(f"must have both back_after_s and parameters ({', '.join(RETURNS)}), or neither")
        return self

    def outages(self, seed: int, number: int, worker: int) -> Iterator[Outage]:
        back_s = math.inf if self.back_after_s is None else self.at_s + self.back_after_s
        yield Outage(self.at_s, back_s, self.parameters or "kept")


class Churn(Fault):
    """Workers are up and down in turn, each for an exponential time: down for a share D/(U + D) of the time. All begin
    up.
    """

    name: Literal["churn"] = "churn"
    mean_up_s: Lasting
    mean_down_s: Lasting
    parameters: Returns

    def outages(self, seed: int, number: int, worker: int) -> Iterator[Outage]:
        random, time_s = stream(seed, Purpose.FAULTS, number, worker), 0.0
        while True:
            down_s = time_s + random.exponential(self.mean_up_s)
            time_s = down_s + random.exponential(self.mean_down_s)
            yield Outage(down_s, time_s, self.parameters)


class Availability(Fault):
    """Outages from a CSV file with columns `worker`, `down_s`, `up_s`, one per row; an empty `up_s` means for good."""

    name: Literal["availability"] = "availability"
    file: str
    parameters: Returns

    @model_validator(mode="after")
    def _can_be_read(self) -> Availability:
        if not trust.present().files:
            return self
        try:
            read_outages(self.file)
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def beyond(self, workers: int) -> str | None:
        rows = _rows(self.file)
        row = next((row for row in rows if row.worker >= workers), None)
        if row is None:
            return super().beyond(workers)
        return f"{self.file}, line {row.line}: worker = {row.worker}{from_one({row.worker for row in rows}, workers)}"

    def outages(self, seed: int, number: int, worker: int) -> Iterator[Outage]:
        for down_s, up_s in sorted(read_outages(self.file).get(worker, ())):
            yield Outage(down_s, up_s, self.parameters)


class _Row(NamedTuple):
    line: int
    worker: int
    down_s: float
    up_s: float


@remembered
def read_outages(file: str) -> dict[int, list[tuple[float, float]]]:
    """Return the outages `(down_s, up_s)` of each worker in a file.

    Raises:
        InputError: If a row is no outage, naming file and line.
    """
    outages: dict[int, list[tuple[float, float]]] = {}
    for row in _rows(file):
        outages.setdefault(row.worker, []).append((row.down_s, row.up_s))
    return outages


@remembered
def _rows(file: str) -> tuple[_Row, ...]:
    rows = []
    for line, (worker, down, up) in read_columns(file, ("worker", "down_s", "up_s"), may_be_empty=("up_s",)):
        place = f"{file}, line {line}"
        if not (worker.isdecimal() and len(worker) < 10):
            raise InputError(f"{place}: worker = {worker!r}: must be a whole number >= 0")
        down_s = number(down, SECONDS, f"{place}: down_s = ")
        up_s = number(up, SECONDS, f"{place}: up_s = ") if up else math.inf
        if up_s <= down_s:
            raise InputError(f"{place}: up_s = {up!r}: must be above down_s, {down!r}")
        rows.append(_Row(line, int(worker), down_s, up_s))
    return tuple(rows)


MOST_JOINED = 10_000
"""Outages that overlap, one after the other."""

FAULTS: dict[str, type[Fault]] = {"crash": Crash, "churn": Churn, "availability": Availability}


def outages_of(
    faults: Sequence[Fault], seed: int, worker: int, workers: int, end_s: float | None = None
) -> Iterator[Outage]:
    """Yield all outages of a worker, in order and disjoint. Outages that overlap or touch become one.

    Those that begin after `end_s` are left out.

    Raises:
        RunError: If they overlap without end.
    """
    each = [
        fault.outages(seed, number, worker)
        for number, fault in enumerate(faults)
        if fault.concerns(worker, workers, seed, number)
    ]
    merged = itertools.takewhile(lambda outage: end_s is None or outage.down_s <= end_s, heapq.merge(*each))
    present, joined = next(merged, None), 0
    while present:
        following = next(merged, None) if math.isfinite(present.up_s) else None
        if following and following.down_s <= present.up_s:
            last = max(present, following, key=lambda outage: outage.up_s)
            present, joined = Outage(present.down_s, last.up_s, last.parameters), joined + 1
            if joined > MOST_JOINED:
                raise RunError(f"worker {worker}: its outages overlap without end, and it is never up again")
        else:
            yield present
            present, joined = following, 0


if TYPE_CHECKING:
    AnyFault = Fault
else:
    AnyFault = chosen_by("name", FAULTS)
