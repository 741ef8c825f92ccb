"""One round of an all-reduce: who has come, with what, and when."""

from __future__ import annotations

import simpy

from .clock import Clock
from .peers import Member


class AllReduceRound:
    """One all-reduce.

    `entered` take part; `arrived` have come, with which row; `late` have come too late for it; `joining` come back, and
    wait for its end. It is `closed` to those that come later, and then `done`. `weighted`: the mean is weighted by α.
    `number`: how many came before it. `size_bytes`: of the vector, if not that of a message. `meanwhile`: those of
    `arrived` that go on computing; `closed_at`: the tick at which it was closed.
    """

    size_bytes: int | None = None
    closed_at = 0

    def __init__(self, clock: Clock, number: int = 0):
        self.clock = clock
        self.number = number
        self.meanwhile: dict[Member, None] = {}
        self.entered: dict[Member, None] = {}
        self.arrived: dict[Member, int] = {}
        self.late: dict[Member, None] = {}
        self.joining: dict[Member, simpy.Event] = {}
        self.weighted = False
        self.closed, self.done = clock.event(), clock.event()
        self.timed = self.closing = False
        self._last: list[Member] = []  # those that came at the tick
        self._latest = -1

    def bring(self, worker: Member, row: int, weighted: bool) -> None:
        """Note that `worker` has come with `row`."""
        self.arrived[worker] = row
        if self._latest != self.clock.now:
            self._latest, self._last = self.clock.now, []
        self._last.append(worker)
        self.weighted = weighted

    def came_now(self) -> list[Member]:
        """Return those that have come at this very tick, in the order of their numbers."""
        last = self._last if self._latest == self.clock.now else []
        return sorted((worker for worker in last if worker in self.arrived), key=lambda worker: worker.index)

    def forget(self) -> None:
        """Release what was brought, because a timer may keep the round for long."""
        self.arrived, self._last = {}, []
