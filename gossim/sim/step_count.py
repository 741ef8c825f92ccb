"""How many gradient steps all workers have taken together, and how many each of them may plan ahead."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .clock import Clock
from .network import Network
from .peers import Stepping
from .staleness import Ages
from .timeline import Timeline

UNLIMITED = 2**30
"""Steps."""

LATEST = 2**61
"""Ticks, of a clock that has run for a month: what is planned later might not fit into the numbers of an array."""

MANY_STEPS, OF_EACH = 2**16, 8
"""Steps and merges that are kept before they are counted, or that number for each worker where that is more."""


class Steps:
    """The count of a run that ends with the step `limit`, if there is one: `finish` is called then.

    `taken`: how many are counted by now. `ahead`: how many are planned, and not among these yet. Where they are taken
    `stepwise`, nobody plans any.
    """

    def __init__(
        self,
        clock: Clock,
        network: Network,
        timeline: Timeline,
        limit: int | None,
        stepwise: bool,
        finish: Callable[[float], None],
    ):
        self.clock, self.network, self.timeline, self.finish = clock, network, timeline, finish
        self.limit = math.inf if limit is None else limit
        self.stepwise = stepwise
        self.taken = self.ahead = 0
        self.workers: Sequence[Stepping] = ()
        self._reckoning = self._last = False

    @property
    def ages(self) -> Ages:
        """Of messages, in steps."""
        return self.network.ages

    def plannable(self, worker: Stepping) -> int:
        """Return how many steps `worker` may plan at once; 0 if it may plan none.

        So few that the last step of the run is not among several of anybody: towards the end, one at a time.
        """
        plain = worker.optimizer is None or worker.optimizer.plain
        # As long as the timeline is kept, each gradient has an interval of its own.
        if self.stepwise or not plain or not self.timeline.full or self.clock.now > LATEST:
            return 0
        if self.limit == math.inf:
            return UNLIMITED
        return 1 if self._last else max(0, int(self._room()) // len(self.workers) - 1)

    def stepped(self, worker: int) -> None:
        """Count a step of that worker. The last requested step ends the run at the end of this instant.

        Once it is over, not at once: workers who step at the same instant (all those of a synchronous round) all do.
        """
        self.ages.stepped(self.clock, worker)
        self._count(1)

    def stepped_at(self, ends: np.ndarray, origin: int) -> None:
        """Record that planned steps have ended, at these ticks after the `origin`."""
        self.ages.stepped_at(ends, origin)
        self.ahead -= len(ends)
        self._count(len(ends))

    def end(self) -> None:
        """End the run once this instant is over."""
        self.clock.after_all(self.clock.now_s, lambda: self.finish(self.clock.now_s))

    def settle(self) -> None:
        """Count every worker's steps up to now."""
        for worker in self.workers:
            if worker.stretch is not None:
                worker.stretch.settle()

    def reckon(self) -> None:
        """Count every worker's steps up to now, and those taken while messages were in flight."""
        self._reckoning = False
        self.settle()
        self.ages.reckon(self.network.in_flight)

    def _room(self) -> float:
        """Return the number of steps before the run ends that are neither taken nor planned."""
        return self.limit - self.taken - self.ahead

    def _count(self, steps: int) -> None:
        before, self.taken = self.taken, self.taken + steps
        if not self._last and self._room() <= 3 * len(self.workers):
            self._last = True
            for worker in self.workers:
                if worker.stretch is not None:
                    worker.stretch.cut()
        if before < self.limit <= self.taken:
            self.end()
        if self.ages.kept > max(MANY_STEPS, OF_EACH * len(self.workers)) and not self._reckoning:
            self._reckoning = True
            self.clock.after_all(self.clock.now_s, self.reckon)
