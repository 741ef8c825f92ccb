"""How many bytes per second each worker can send and receive."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

from pydantic import Discriminator, Tag

from ..rng import Purpose
from ..schema.fields import AS_TUPLE, Frozen, PositiveQuantity
from .device_trace import Device
from .durations import Law, LawOfRates


class Rates(NamedTuple):
    """Bytes per second that a worker sends, `up`, and receives, `down`; infinite where nothing limits them."""

    up: float
    down: float


def _kind(value: Any) -> str:
    # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
    if isinstance(value, list | tuple):
        return "one each"
    if isinstance(value, dict | Law):
        return "a law"
    return "the same for all"


if TYPE_CHECKING:
    Rate = float | tuple[float, ...] | Law | None
else:
    Rate = Annotated[
        Annotated[PositiveQuantity | None, Tag("the same for all")]
        | Annotated[tuple[PositiveQuantity, ...], AS_TUPLE, Tag("one each")]
        | Annotated[LawOfRates, Tag("a law")],
        Discriminator(_kind),
    ]


class UpDown(Frozen):
    """`up` and `down`, each a number for all workers, a list with one for each, a distribution from which each worker
    draws once (in bytes per second, not seconds), or null for unlimited.
    """

    up: Rate
    down: Rate

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        return too_many(self, workers)

    def unfit(self, workers: int) -> str | None:
        return too_few(self, workers)


class HasEnds(Protocol):
    """Something that says how much each worker sends and receives."""

    @property
    def up(self) -> Any: ...

    @property
    def down(self) -> Any: ...


def too_many(ends: HasEnds, workers: int) -> str | None:
    """Say in words which list has more numbers than there are workers; None if none has."""
    for name, rate in (("up", ends.up), ("down", ends.down)):
        if isinstance(rate, tuple) and len(rate) > workers:
            return f"{name} has {len(rate)} numbers"
    return None


def too_few(ends: HasEnds, workers: int) -> str | None:
    """Say in words which list has fewer numbers than there are workers; None if none has."""
    for name, rate in (("up", ends.up), ("down", ends.down)):
        if isinstance(rate, tuple) and len(rate) < workers:
            return f"{name} has {len(rate)} numbers, and there are {workers} workers"
    return None


def rates_of(bandwidth: float | UpDown | str | None, seed: int, devices: tuple[Device, ...]) -> Callable[[int], Rates]:
    """Return a function from a worker's number to its rates; `devices` are those of the trace, if `bandwidth` uses
    it.
    """
    if isinstance(bandwidth, str):
        return lambda worker: Rates(devices[worker].upload_bytes_per_s, devices[worker].download_bytes_per_s)
    if isinstance(bandwidth, UpDown):
        both = bandwidth
        return cache(lambda worker: Rates(rate_of(both.up, seed, worker, 0), rate_of(both.down, seed, worker, 1)))
    same = Rates(bandwidth or math.inf, bandwidth or math.inf)
    return lambda worker: same


def payload_rates(rates: Callable[[int], Rates], efficiency: float) -> Callable[[int], Rates]:
    """Return what these `rates` leave for payload, which is `efficiency` of all bytes."""
    if efficiency == 1:
        return rates
    return cache(lambda worker: Rates(*(rate * efficiency for rate in rates(worker))))


def rate_of(rate: float | tuple[float, ...] | Law | None, seed: int, worker: int, way: int) -> float:
    """Return the rate of one worker, `way` being 0 to send and 1 to receive; infinite where it is unlimited."""
    if isinstance(rate, Law):
        return next(rate.draws(seed, Purpose.BANDWIDTH, worker, way))
    if isinstance(rate, tuple):
        return rate[worker]
    return rate or math.inf
