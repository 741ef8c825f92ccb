"""The compute time of each worker's gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated

import numpy as np

from ..fields import AS_TUPLE, Frozen
from ..rng import LARGEST_BLOCK, NO_DRAWS, Blocks, Purpose
from .clock import PER_SECOND
from .delays import ComputeTime, Law
from .stragglers import AnyStraggler, Lengthen

MANY_TICKS = 2.0**50
"""Some twenty minutes. Longer times are not told ahead: a block of them might not fit into the numbers of an array."""

NO_TICKS = np.empty(0, dtype=np.int64)


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
        if isinstance(law, Law):
            blocks: Iterator[np.ndarray] = Blocks(law.draw, seed, Purpose.COMPUTE, worker)
        else:
            blocks = itertools.repeat(np.full(LARGEST_BLOCK, float(law)))
        return Pace(law, blocks, rules, timeless)


class Pace:
    """How long each gradient of one worker takes, one after the other.

    Called with the time at which a gradient begins, it gives the seconds that it takes. Where no rule asks for that
    time (they are `timeless`), the gradients to come are known `ahead`. Raises RunError for a draw that is no duration.
    """

    __slots__ = ("_blocks", "_place", "_seconds", "_ticks", "_work_s", "law", "rules", "timeless")

    def __init__(self, law: Law | float, blocks: Iterator[np.ndarray], rules: list[Lengthen], timeless: bool):
        self.law, self.rules, self.timeless = law, rules, timeless
        self._blocks = blocks
        self._ticks = NO_TICKS
        self._work_s: np.ndarray | None = None  # the block in hand, but where its ticks say it all
        self._seconds = NO_DRAWS
        self._place = 0

    def __call__(self, now_s: float) -> float:
        self._load()
        place, self._place = self._place, self._place + 1
        if self._work_s is None:
            return int(self._ticks[place]) / PER_SECOND
        work_s = float(self._work_s[place])
        if isinstance(self.law, Law):
            self.law.duration(work_s)
        return float(self._seconds[place]) if self.timeless else self._lengthened(work_s, now_s)

    def ahead(self) -> np.ndarray:
        """Ticks of some of the gradients that come next, perhaps none; they are still to come."""
        if not self.timeless:
            return self._ticks
        self._load()
        known = self._ticks[self._place :]
        return known if self._work_s is None or known.all() else known[: int((known == 0).argmax())]

    def skip(self, count: int) -> None:
        """Pass over so many of those `ahead`."""
        self._place += count

    def _load(self) -> None:
        """At the end of a block, draw the next. Ticks of 0 are those that cannot be told ahead."""
        if self._place < len(self._ticks if self._work_s is None else self._work_s):
            return
        self._work_s, self._place = next(self._blocks), 0
        if not self.timeless:
            return
        self._seconds = self._work_s
        if self.rules:
            self._seconds = np.array([self._lengthened(float(work_s), 0.0) for work_s in self._work_s])
        with np.errstate(over="ignore", invalid="ignore"):
            counted = np.rint(self._seconds * PER_SECOND)
        fit = (counted >= 1) & (counted < MANY_TICKS) & (self._work_s > 0)
        self._ticks = np.where(fit, counted, 0).astype(np.int64)
        if fit.all():
            self._work_s, self._seconds = None, NO_DRAWS

    def _lengthened(self, seconds: float, now_s: float) -> float:
        for rule in self.rules:
            seconds = rule(seconds, now_s)
        return seconds
