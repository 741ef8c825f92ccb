"""Waiting for others who may never come: looking now and then whether they are still there."""

from __future__ import annotations

import math
from operator import itemgetter

import simpy

from .clock import Clock, ticks

AT_LEAST, EVENTS_A_LOOK = 4, 64
"""Looks in vain before it is worth finding out how long nothing can change, and events that are looked through for
each."""


class Look(simpy.Timeout):
    """The next look, `every` so many ticks. `seen`: what `Clock.changes` was at the last one; as long as it is the
    same, there is nothing new to see."""

    def __init__(self, clock: Clock, every: int, seen: int):
        super().__init__(clock, every)
        self.every, self.seen = every, seen

    def in_vain(self) -> bool:
        """Whether it would see nothing new, were it now."""
        return self.seen == self.env.changes  # type: ignore[attr-defined]


class Looks:
    """Those of one worker while it waits: every `timeout_s` from the beginning, without those that must be in vain.

    Nothing is new before the next event that is not itself a look in vain. The last look before that event is kept, and
    all who look are put off together: so what happens at one instant happens in the order in which it would, had there
    been every look.
    """

    def __init__(self, clock: Clock, timeout_s: float):
        self.clock, self.every = clock, max(1, ticks(timeout_s))
        self.seen, self.in_vain = -1, 0

    def next(self) -> Look:
        """The event of the next look."""
        look = Look(self.clock, self.every, self.seen)
        if self.in_vain >= max(AT_LEAST, len(self.clock.planned) // EVENTS_A_LOOK):
            self.in_vain = 0
            _put_off(self.clock)
        return look

    def looked(self) -> None:
        """It has looked now."""
        self.seen = self.clock.changes
        self.in_vain += 1


def _put_off(clock: Clock) -> None:
    """Move the looks in vain that are to come to the last one before anything else happens."""
    looks: list[tuple[int, int, int, Look]] = []
    others: float = math.inf
    for tick, priority, number, event in clock.planned:
        if not (isinstance(event, Look) and event.in_vain()):
            others = min(others, tick)
        elif tick > clock.now:
            looks.append((tick, priority, number, event))
    later: dict[simpy.Event, int] = {}
    for tick, _, _, look in sorted(looks, key=itemgetter(0, 1, 2)):
        skipped = 0 if others == math.inf else (int(others) - tick - 1) // look.every
        if skipped > 0:
            later[look] = tick + skipped * look.every
    clock.move(later)
