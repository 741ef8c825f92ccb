"""Waiting for others who may never come: looking, now and then, whether they are still there."""

from __future__ import annotations

from collections.abc import Iterable

import simpy

from ..units import ticks
from .clock import Clock


class TimeoutWatch:
    """The looks of one worker that waits: `timeout_s` after it began, and then at the first multiple of it after one of
    those it waits for has gone down or begun another round. Between these there is nothing new to see."""

    def __init__(self, clock: Clock, timeout_s: float):
        self.clock, self.begun, self.every = clock, clock.now, max(1, ticks(timeout_s))
        self.due = -1
        self._plan(1)

    def next(self) -> simpy.Event:
        """Return the event of the next look."""
        self.event = self.clock.event()
        return self.event

    def changed(self) -> None:
        """Plan a look at the first multiple that is not past."""
        self._plan(max(1, -(-(self.clock.now - self.begun) // self.every)))

    def _plan(self, multiple: int) -> None:
        tick = self.begun + multiple * self.every
        if tick != self.due:
            self.due = tick
            self.clock.at_last(tick, self._look)

    def _look(self) -> None:
        self.due = -1  # who changes at this tick after this look is looked at again
        if not self.event.triggered:
            self.event.succeed()


class Watches:
    """The watches of all workers that wait with a timeout, by the numbers of those they wait for."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.by_awaited: dict[int, dict[TimeoutWatch, None]] = {}

    def begin(self, awaited: Iterable[int], timeout_s: float) -> TimeoutWatch:
        """Return a new watch for these; `end` it."""
        watch = TimeoutWatch(self.clock, timeout_s)
        for index in awaited:
            self.by_awaited.setdefault(index, {})[watch] = None
        return watch

    def end(self, watch: TimeoutWatch, awaited: Iterable[int]) -> None:
        """Forget `watch`, which began with these."""
        for index in awaited:
            del self.by_awaited[index][watch]

    def changed(self, index: int) -> None:
        """Note that node `index` has gone down or begun another round."""
        for watch in self.by_awaited.get(index, ()):
            watch.changed()
