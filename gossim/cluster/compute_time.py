"""The compute time of each worker's gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Discriminator, Tag

from ..rng import LARGEST_BLOCK, Blocks, Purpose
from ..schema.fields import AS_TUPLE, AtLeastATick, Frozen, number_or
from ..units import PER_SECOND
from .durations import AnyLaw, Law
from .replay import Recorded, Replay
from .stragglers import AnyStraggler, Lengthen

LEAST_S, MOST_S = 1 / PER_SECOND, 2**50 / PER_SECOND
"""A gradient that takes less, or twenty minutes or more, is not known ahead: the clock counts no less, and the sum
of a block of more might not fit into the numbers of an array."""

NO_RULES: Sequence[Lengthen] = ()


def _kind(value: Any) -> str:
    # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
    recorded = isinstance(value, Replay) or (isinstance(value, dict) and "replay" in value)
    return "recorded times" if recorded else "a law"


if TYPE_CHECKING:
    ComputeTime = float | Law | Replay | str
else:
    _Drawn = Annotated[Annotated[AnyLaw, Tag("a law")] | Annotated[Replay, Tag("recorded times")], Discriminator(_kind)]
    ComputeTime = number_or(AtLeastATick, _Drawn, word="trace")


class ComputeSettings(Frozen):
    """`time_s`: seconds per gradient: a constant; a distribution; each worker's recorded times, `{replay: steps.csv,
    worker: rank, column: seconds}`; or `trace`, the times in the trace. `stragglers` lengthen it, one after the other.
    """

    time_s: ComputeTime
    stragglers: Annotated[tuple[AnyStraggler, ...], AS_TUPLE] = ()

    def pace(self, seed: int, worker: int, workers: int, traced_s: float | None = None) -> Pace:
        """Return the times of `worker`'s gradients. `traced_s` is the time in the trace.

        What is drawn for the k-th gradient is the same under every algorithm.
        """
        rules: list[Lengthen] = []
        timeless = True
        for number, rule in enumerate(self.stragglers):
            if rule.concerns(worker, workers, seed, number):
                rules.append(rule.lengthen(seed, number, worker))
                timeless &= rule.timeless
        if isinstance(self.time_s, Replay):
            return ReplayedPace(seed, worker, self.time_s.of_worker(worker), rules, timeless)
        law = traced_s if isinstance(self.time_s, str) else self.time_s
        assert law is not None
        return Pace(seed, worker, law, rules, timeless)


class Uneven(NamedTuple):
    """A block of gradients whose times are not all known in advance.

    How long each takes as it was drawn, and as rules that do not
    ask for the time have lengthened it; `untold` are the places of those that cannot be, in order.
    """

    work_s: np.ndarray
    seconds: np.ndarray
    untold: np.ndarray


class Pace(Blocks):
    """How long each gradient of one worker takes, one after the other.

    Called with the time at which a gradient begins, it gives the seconds that it takes. Where no rule asks for that
    time (they are `timeless`), the gradients to come are known `ahead`: `sums` are the ticks that those of a block take
    up to each of them and with it, and `place` is that of the next. Raises RunError for a draw that is no duration.
    """

    __slots__ = ("_uneven", "law", "place", "rules", "sums", "timeless")

    def __init__(self, seed: int, worker: int, law: Law | float, rules: list[Lengthen], timeless: bool):
        super().__init__(seed, Purpose.COMPUTE, worker)
        self.law, self.rules, self.timeless = law, rules or NO_RULES, timeless
        self._uneven: Uneven | None = None
        self.sums = _no_ticks()
        self.place = 0

    def __call__(self, now_s: float) -> float:
        self._load()
        place, self.place = self.place, self.place + 1
        if self._uneven is None:
            return int(self.sums[place] - (self.sums[place - 1] if place else 0)) / PER_SECOND
        work_s = float(self._uneven.work_s[place])
        if isinstance(self.law, Law):
            self.law.duration(work_s)
        return float(self._uneven.seconds[place]) if self.timeless else self._lengthened(work_s, now_s)

    def ahead(self) -> int:
        """Return how many of the next gradients have known times, perhaps none; they are not consumed."""
        if not self.timeless:
            return 0
        self._load()
        end = len(self.sums)
        if self._uneven is not None:
            untold = self._uneven.untold
            following = int(untold.searchsorted(self.place))
            end = int(untold[following]) if following < len(untold) else end
        return end - self.place

    def skip(self, count: int) -> None:
        """Skip `count` of those `ahead`."""
        self.place += count

    def _load(self) -> None:
        """Draw the next block at the end of one."""
        if self.place < len(self.sums):
            return
        self.place = 0
        if not (isinstance(self.law, Law) or self.rules):
            self.sums, self._uneven = _constant(self.law)
            return
        self._lengthen(self.take(self.law.draw) if isinstance(self.law, Law) else np.full(LARGEST_BLOCK, self.law))

    def _lengthen(self, work_s: np.ndarray) -> None:
        """Take these times as the block that comes next."""
        if not self.rules:
            self.sums, self._uneven = _told_ahead(work_s, work_s)
        elif self.timeless:
            self.sums, self._uneven = _told_ahead(
                work_s, np.array([self._lengthened(float(each), 0.0) for each in work_s])
            )
        else:
            self.sums, self._uneven = np.zeros(len(work_s), dtype=np.int64), Uneven(work_s, work_s, _no_ticks())

    def _lengthened(self, seconds: float, now_s: float) -> float:
        for rule in self.rules:
            seconds = rule(seconds, now_s)
        return seconds


class RecordOver(Exception):
    """Raised when a worker begins a gradient after all of its recorded times."""


class ReplayedPace(Pace):
    """The `recorded` times of one worker; `read` of them are in blocks so far.

    Called when they are over, it raises RecordOver.
    """

    __slots__ = ("read", "recorded")

    def __init__(self, seed: int, worker: int, recorded: Recorded, rules: list[Lengthen], timeless: bool):
        super().__init__(seed, worker, 0.0, rules, timeless)
        self.recorded, self.read = recorded, 0

    def __call__(self, now_s: float) -> float:
        self._load()
        if self.place == len(self.sums):
            raise RecordOver
        return super().__call__(now_s)

    def _load(self) -> None:
        seconds, wraps = self.recorded
        if self.place < len(self.sums) or (self.read == len(seconds) and not wraps):
            return
        end = self.read + LARGEST_BLOCK if wraps else min(self.read + LARGEST_BLOCK, len(seconds))
        block = np.take(seconds, np.arange(self.read, end), mode="wrap")
        self.read = end % len(seconds) if wraps else end
        self.place = 0
        self._lengthen(block)


@cache
def _no_ticks() -> np.ndarray:
    """Return a shared block of zero ticks."""
    return np.empty(0, dtype=np.int64)


def _told_ahead(work_s: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, Uneven | None]:
    """Return the cumulative sums of a block, in which unknown durations count as 0, and the places of these."""
    # By the ufuncs: with so few numbers the methods of an array take longer to begin than to end.
    if np.minimum.reduce(seconds) >= LEAST_S and np.maximum.reduce(seconds) < MOST_S:
        return _sums(seconds), None
    fit = (seconds >= LEAST_S) & (seconds < MOST_S)
    return _sums(np.where(fit, seconds, 0.0)), Uneven(work_s, seconds, np.flatnonzero(~fit))


def _sums(seconds: np.ndarray) -> np.ndarray:
    ticks: np.ndarray = np.rint(seconds * float(PER_SECOND)).astype(np.int64)
    return np.add.accumulate(ticks, out=ticks)


@lru_cache(maxsize=8)
def _constant(seconds: float) -> tuple[np.ndarray, Uneven | None]:
    """Return a block of that duration, shared by all workers."""
    block = np.full(LARGEST_BLOCK, seconds)
    return _told_ahead(block, block)
