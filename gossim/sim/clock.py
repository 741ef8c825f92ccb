"""The clock: SimPy's, counting whole picoseconds.

Sums of seconds in floating point depend on their order: three times 0.1 s is not 0.3 s, and a step that ends with the
run, or two workers that finish together, would miss each other by a rounding. Whole numbers do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify
from typing import Any

import simpy

from ..errors import RunError

PER_SECOND = 10**12
"""Ticks of the clock in a second."""


def ticks(seconds: float) -> int:
    """The nearest whole number of picoseconds. Raises RunError for what is no duration."""
    if not 0 <= seconds * PER_SECOND < math.inf:
        raise RunError(f"{seconds} s is not a duration")
    return round(seconds * PER_SECOND)


class Clock(simpy.Environment):
    """SimPy's environment, whose time is in ticks; everything here but `now` is in seconds."""

    _ended: tuple[float, float] = (-1, -1)
    changes = 0
    """How often a worker has gone down, come back, or begun another round."""

    def __init__(self) -> None:
        super().__init__()
        self.to_end: list[Callable[[Any], None]] = [self.end]
        """What every `Completion` begins with, made once."""

    @property
    def now(self) -> int:
        """In ticks."""
        return self._now  # type: ignore[return-value]  # a whole number, for it began with one and goes on by ticks

    @property
    def now_s(self) -> float:
        return self._now / PER_SECOND

    def over(self, tick: int, node: int) -> bool:
        """Whether work of `node` that ends at that tick is over: see `Completion`."""
        return tick < self._now or (tick == self._now == self._ended[0] and node <= self._ended[1])

    def ended(self, node: float) -> None:
        """Work that ends now is over, that of nodes up to this one."""
        self._ended = self._now, node

    def end(self, completion: Completion) -> None:
        """The first to be called at the end of a node's work."""
        self.ended(completion.node)
        completion.come()

    def wait(self, seconds: float) -> simpy.Timeout:
        """An event so many seconds from now."""
        return simpy.Timeout(self, ticks(seconds))

    def until(self, tick: int) -> simpy.Timeout:
        """An event at that tick, which is not past."""
        return simpy.Timeout(self, tick - self.now)

    @property
    def planned(self) -> Sequence[tuple[int, int, int, simpy.Event]]:
        """The events to come, in any order: each with its tick, its priority, and its number within an instant."""
        return self._queue  # type: ignore[return-value]

    def move(self, ticks: Mapping[simpy.Event, int]) -> None:
        """Move planned events to other ticks, in that order; within an instant they come after what is planned there
        now."""
        kept = [entry for entry in self._queue if entry[3] not in ticks]
        moved = [(tick, 1, next(self._eid), event) for event, tick in ticks.items()]
        self._queue[:] = kept + moved  # type: ignore[operator]
        heapify(self._queue)

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        """Call `act` so many seconds from now."""
        self.at(self.now + ticks(seconds), act)

    def at(self, tick: int, act: Callable[[], Any]) -> None:
        """Call `act` at that tick, which is not past."""
        timeout = self.until(tick)
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _: act())

    def after_all(self, time_s: float, act: Callable[[], Any]) -> None:
        """Call `act` at `time_s`, when everything else of that instant is over; now, if `time_s` is past."""
        _AfterAll(self, max(0, ticks(time_s) - self.now), act)


class Completion(simpy.Event):
    """The end of a node's work at a tick: after the messages of that instant, and in the order of the nodes.

    So what happens at one instant happens in an order that does not depend on when each thing was planned, and many
    steps may be planned at once.
    """

    PRIORITY = 2  # SimPy's own events have 0 (urgent) and 1 (normal)
    _ok, _value = True, None  # it cannot fail

    def __init__(self, clock: Clock, tick: int, node: int):
        # As simpy.Timeout, not by way of SimPy's constructor: there is one for every few steps of every worker.
        self.env, self.node = clock, node
        self.callbacks = clock.to_end.copy()
        clock.schedule(self, self.PRIORITY + node, tick - clock.now)  # type: ignore[arg-type]

    def come(self) -> None:
        """It is there; whoever waits for it comes next."""


class _AfterAll(simpy.Event):
    PRIORITY = 2**62

    def __init__(self, clock: Clock, delay: int, act: Callable[[], Any]):
        super().__init__(clock)
        self._ok, self._value = True, None
        self.callbacks = [lambda _: clock.ended(math.inf), lambda _: act()]
        clock.schedule(self, self.PRIORITY, delay)  # type: ignore[arg-type]
