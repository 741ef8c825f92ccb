"""The clock: SimPy's, counting whole picoseconds.

Sums of seconds in floating point depend on their order: three times 0.1 s is not 0.3 s, and a step that ends with the
run, or two workers that finish together, would miss each other by a rounding. Whole numbers do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import simpy

from ..units import PER_SECOND, ticks

AFTER_MESSAGES = 1.5
"""Between SimPy's normal priority, that of messages, and `Completion.PRIORITY`."""


class Clock(simpy.Environment):
    """SimPy's environment, whose time is in ticks; everything here but `now` is in seconds."""

    _ended: tuple[float, float] = (-1, -1)

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
        """Return whether work of `node` that ends at that tick is over: see `Completion`."""
        return tick < self._now or (tick == self._now == self._ended[0] and node <= self._ended[1])

    def work_ended(self) -> bool:
        """Return whether work of any node has ended at this tick; until then there have been messages only."""
        return self._ended[0] == self._now

    def ended(self, node: float) -> None:
        """End the work that ends now, of nodes up to this one."""
        self._ended = self._now, node

    def end(self, completion: Completion) -> None:
        """End a node's work. This is the first callback at its end."""
        self.ended(completion.node)
        completion.come()

    def wait(self, seconds: float) -> simpy.Timeout:
        """Return an event that occurs after that many seconds."""
        return simpy.Timeout(self, ticks(seconds))

    def until(self, tick: int) -> simpy.Timeout:
        """Return an event at that tick, which is not past."""
        return simpy.Timeout(self, tick - self.now)

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        """Call `act` after that many seconds."""
        self.at(self.now + ticks(seconds), act)

    def at(self, tick: int, act: Callable[[], Any]) -> None:
        """Call `act` at that tick, which is not past."""
        timeout = self.until(tick)
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _: act())

    def deadline(self, seconds: float = 0.0) -> simpy.Event:
        """Return an event that occurs after that many seconds, after all messages and all ends of work of its instant.

        What comes at the very tick of a deadline is in time, whatever was planned first.
        """
        return _Last(self, ticks(seconds), _Last.DEADLINE)

    def at_deadline(self, seconds: float, act: Callable[[], Any]) -> None:
        """Call `act` at that deadline."""
        self.at_last(self.now + ticks(seconds), act)

    def at_last(self, tick: int, act: Callable[[], Any]) -> None:
        """Call `act` at that tick, which is not past, as at a deadline."""
        _Last(self, tick - self.now, _Last.DEADLINE, act)

    def more_messages(self) -> bool:
        """Return whether messages may still come at this tick, before the work that ends at it."""
        return bool(self._queue) and self._queue[0][:2] <= (self._now, simpy.events.NORMAL)

    def after_messages(self, act: Callable[[], Any]) -> None:
        """Call `act` at this tick, after all messages that have been due at it and before the work that ends at it."""
        event = simpy.Event(self)
        event._ok, event._value = True, None
        event.callbacks = [lambda _: act()]
        self.schedule(event, AFTER_MESSAGES)  # type: ignore[arg-type]

    def after_all(self, time_s: float, act: Callable[[], Any]) -> None:
        """Call `act` at `time_s`, when everything else of that instant is over; now, if `time_s` is past."""
        _Last(self, max(0, ticks(time_s) - self.now), _Last.AFTER_ALL, act)


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
        """Called when the work completes, before the waiting process resumes."""


class _Last(simpy.Event):
    """After the work of all nodes that ends at its tick; first the deadlines, then what comes after all."""

    DEADLINE, AFTER_ALL = 2**61, 2**62

    def __init__(self, clock: Clock, delay: int, priority: int, act: Callable[[], Any] | None = None):
        super().__init__(clock)
        self._ok, self._value = True, None
        self.callbacks = [lambda _: clock.ended(math.inf)]
        if act is not None:
            self.callbacks.append(lambda _: act())
        clock.schedule(self, priority, delay)  # type: ignore[arg-type]
