"""How many steps all workers together took while a message was on its way.

Reckoned afterwards, from the instants at which steps ended and messages were sent and merged: while the clock runs,
there may be steps that nobody has counted yet. Of what happens at one instant, messages come before work that ends. So
a worker that waits for a message, merges it and steps at once has not taken that step while the message was on its way;
such steps, `early` ones, are counted as they happen.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .clock import Clock
from .message import After, Message
from .traffic import Exchange


class Ages:
    """`kept`: steps and merges that are not reckoned yet. `early`: steps that were taken before any work had ended at
    their instant."""

    def __init__(self) -> None:
        self.kept = self.early = 0
        self._tick = -1
        self._merged_now: dict[int, list[Exchange]] = {}  # by those who did, at that tick
        self._before = 0  # steps that ended before those that are kept
        self._single: list[int] = []
        self._planned = np.empty(1024, dtype=np.int64)  # ends of steps that were planned; the first `_count` are set:
        self._count = 0
        self._merged: list[tuple[Exchange, int | None, After, After]] = []  # steps before it was sent, sent, merged

    def now(self, clock: Clock) -> After:
        """Return the number of steps before what happens now."""
        return After(clock.now if clock.work_ended() else clock.now - 1, self.early)

    def stepped(self, clock: Clock, worker: int) -> None:
        """Count a step of that worker, which ends now."""
        if not clock.work_ended():
            self.early += 1
            return
        if self._tick == clock.now:  # what it merged at this instant, it merged before the step
            for exchange in self._merged_now.pop(worker, ()):
                exchange.age_steps -= 1
        self.kept += 1
        self._single.append(clock.now)

    def stepped_at(self, ends: np.ndarray, origin: int) -> None:
        """Record that steps have ended, at these ticks after the `origin`."""
        begin, end = self._count, self._count + len(ends)
        if end > len(self._planned):
            self._planned = np.concatenate([self._planned, np.empty(end, dtype=np.int64)])
        np.add(ends, origin, out=self._planned[begin:end])
        self._count = end
        self.kept += len(ends)

    def merged(self, message: Message, by_then: After) -> None:
        """Note that `message` was merged after those steps."""
        assert message.exchange is not None
        self.kept += 1
        if self._tick != by_then.tick:
            self._tick = by_then.tick
            self._merged_now.clear()
        self._merged_now.setdefault(message.receiver, []).append(message.exchange)
        self._merged.append((message.exchange, message.sent_steps, message.after, by_then))

    def reckon(self, in_flight: Iterable[Message]) -> None:
        """Add up the ages of what was merged, when all steps up to now are counted and this instant is over; what is
        `in_flight` keeps the number of steps that were taken before it was sent."""
        ends = np.sort(np.concatenate([self._planned[: self._count], _ticks(self._single)]))

        def steps_by(instants: list[After]) -> list[int]:
            late = self._before + ends.searchsorted(_ticks([each.tick for each in instants]), side="right")
            return [count + each.early for count, each in zip(late.tolist(), instants, strict=True)]

        since = steps_by([sent for _, _, sent, _ in self._merged])
        until = steps_by([merged for _, _, _, merged in self._merged])
        for (exchange, before, _, _), after, by_then in zip(self._merged, since, until, strict=True):
            exchange.age_steps += by_then - (after if before is None else before)
            exchange.aged += 1
        young = [message for message in in_flight if message.sent_steps is None]
        for message, steps in zip(young, steps_by([message.after for message in young]), strict=True):
            message.sent_steps = steps
        self._before += len(ends)
        self.kept = self._count = 0
        self._single.clear()
        self._merged.clear()


def _ticks(ticks: list[int]) -> np.ndarray:
    """Return ticks as an array, of Python integers where they are too large for other types."""
    return np.array(ticks, dtype=np.int64 if max(ticks, default=0) < 2**62 else object)
