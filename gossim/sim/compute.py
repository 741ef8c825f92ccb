"""The compute time of each worker's gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

import numpy as np

from ..fields import AS_TUPLE, Frozen
from ..rng import LARGEST_BLOCK, NO_DRAWS, Blocks, Purpose
from .clock import PER_SECOND
from .delays import ComputeTime, Law
from .stragglers import AnyStraggler, Lengthen

LEAST_S, MOST_S = 1 / PER_SECOND, 1000.0
"""Gradients that take less or more are not told ahead: the clock counts no less, and the sum of a block of more might
not fit into the numbers of an array."""

NO_TICKS = np.empty(0, dtype=np.int64)
NO_RULES: Sequence[Lengthen] = ()


class ComputeSettings(Frozen):
    """`time_s`: seconds that one gradient takes, a constant, a law, or `trace`: what the trace says of each worker;
    `stragglers` lengthen it, one after the other."""

    time_s: ComputeTime
    stragglers: Annotated[tuple[AnyStraggler, ...], AS_TUPLE] = ()

    def pace(self, seed: int, worker: int, workers: int, traced_s: float | None = None) -> Pace:
        """The times of `worker`'s gradients. `traced_s` is what the trace says.

        What is drawn for the k-th gradient is the same under every algorithm.
        """
        law = traced_s if isinstance(self.time_s, str) else self.time_s
        assert law is not None
        rules, timeless = [], True
        for number, rule in enumerate(self.stragglers):
            if rule.concerns(worker, workers, seed, number):
                rules.append(rule.lengthen(seed, number, worker))
                timeless &= rule.timeless
        return Pace(law, Blocks(seed, Purpose.COMPUTE, worker), rules, timeless)


class Pace:
    """How long each gradient of one worker takes, one after the other.

    Called with the time at which a gradient begins, it gives the seconds that it takes. Where no rule asks for that
    time (they are `timeless`), the gradients to come are known `ahead`: `sums` are the ticks that those of a block take
    up to each of them and with it, and `place` is that of the next. Raises RunError for a draw that is no duration.
    """

    __slots__ = ("_blocks", "_seconds", "law", "place", "rules", "sums", "timeless")

    def __init__(self, law: Law | float, blocks: Blocks, rules: list[Lengthen], timeless: bool):
        self.law, self.rules, self.timeless = law, rules or NO_RULES, timeless
        self._blocks = blocks
        self._seconds: np.ndarray | None = NO_DRAWS  # the block in hand, but where its sums say it all
        self.sums: np.ndarray = NO_TICKS
        self.place = 0

    def __call__(self, now_s: float) -> float:
        self._load()
        place, self.place = self.place, self.place + 1
        if self._seconds is None:
            return int(self.sums[place] - (self.sums[place - 1] if place else 0)) / PER_SECOND
        seconds = float(self._seconds[place])
        if isinstance(self.law, Law):
            self.law.duration(seconds)
        return seconds if self.timeless else self._lengthened(seconds, now_s)

    def ahead(self) -> int:
        """How many of the gradients that come next are known, perhaps none; they are still to come."""
        if not self.timeless:
            return 0
        self._load()
        return len(self.sums) - self.place if self._seconds is None else 0

    def skip(self, count: int) -> None:
        """Pass over so many of those `ahead`."""
        self.place += count

    def _load(self) -> None:
        """At the end of a block, draw the next."""
        if self.place < len(self.sums if self._seconds is None else self._seconds):
            return
        self.place = 0
        if isinstance(self.law, Law):
            seconds = self._blocks.take(self.law.draw)
        elif self.rules:
            seconds = np.full(LARGEST_BLOCK, self.law)
        else:
            self._seconds, self.sums = _constant(self.law)
            return
        if self.timeless and self.rules:
            seconds = np.array([self._lengthened(float(work_s), 0.0) for work_s in seconds])
        sums = _sums(seconds) if self.timeless else None
        self._seconds, self.sums = (seconds, NO_TICKS) if sums is None else (None, sums)

    def _lengthened(self, seconds: float, now_s: float) -> float:
        for rule in self.rules:
            seconds = rule(seconds, now_s)
        return seconds


def _sums(seconds: np.ndarray) -> np.ndarray | None:
    """The ticks up to each of these durations and with it; None where one of them cannot be told ahead."""
    # By the ufuncs: with so few numbers the methods of an array take longer to begin than to end.
    if not (np.minimum.reduce(seconds) >= LEAST_S and np.maximum.reduce(seconds) <= MOST_S):
        return None
    ticks: np.ndarray = np.rint(seconds * float(PER_SECOND)).astype(np.int64)
    return np.add.accumulate(ticks, out=ticks)


@lru_cache(maxsize=8)
def _constant(seconds: float) -> tuple[np.ndarray | None, np.ndarray]:
    """A block of that duration, one for all workers: what is left of it once there are sums, and these."""
    block = np.full(LARGEST_BLOCK, seconds)
    sums = _sums(block)
    return (block, NO_TICKS) if sums is None else (None, sums)
