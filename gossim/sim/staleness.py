"""How many steps all workers together took while a message was on its way.

Reckoned afterwards, from the instants at which steps ended and messages were sent and merged: while the clock runs,
there may be steps that nobody has counted yet.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .message import Message
from .traffic import Exchange


class Ages:
    """`kept`: steps and merges that are not reckoned yet."""

    def __init__(self) -> None:
        self.kept = 0
        self._before = 0  # steps that ended before those that are kept
        self._single: list[int] = []
        self._planned = np.empty(1024, dtype=np.int64)  # ends of steps that were planned; the first `_count` are set:
        self._count = 0
        self._merged: list[tuple[Exchange, int | None, int, int]] = []  # sent after that number of steps, sent, merged

    def stepped(self, tick: int) -> None:
        """A step has ended at that tick."""
        self.kept += 1
        self._single.append(tick)

    def stepped_at(self, ends: np.ndarray, origin: int) -> None:
        """Record that steps have ended, at these ticks after the `origin`."""
        begin, end = self._count, self._count + len(ends)
        if end > len(self._planned):
            self._planned = np.concatenate([self._planned, np.empty(end, dtype=np.int64)])
        np.add(ends, origin, out=self._planned[begin:end])
        self._count = end
        self.kept += len(ends)

    def merged(self, message: Message, tick: int) -> None:
        """`message` was merged at that tick."""
        assert message.exchange is not None
        self.kept += 1
        self._merged.append((message.exchange, message.sent_steps, message.sent, tick))

    def reckon(self, in_flight: Iterable[Message]) -> None:
        """Add up the ages of what was merged, when all steps up to now are counted and this instant is over; what is
        `in_flight` keeps the number of steps that were taken before it was sent."""
        ends = np.sort(np.concatenate([self._planned[: self._count], _ticks(self._single)]))

        def steps_by(ticks: list[int]) -> list[int]:
            return (self._before + ends.searchsorted(_ticks(ticks), side="right")).tolist()

        since = steps_by([sent for _, _, sent, _ in self._merged])
        until = steps_by([merged for _, _, _, merged in self._merged])
        for (exchange, before, _, _), after, by_then in zip(self._merged, since, until, strict=True):
            exchange.age_steps += by_then - (after if before is None else before)
            exchange.aged += 1
        young = [message for message in in_flight if message.sent_steps is None]
        for message, steps in zip(young, steps_by([message.sent for message in young]), strict=True):
            message.sent_steps = steps
        self._before += len(ends)
        self.kept = self._count = 0
        self._single.clear()
        self._merged.clear()


def _ticks(ticks: list[int]) -> np.ndarray:
    """As an array, of Python's own numbers where they are too large for others."""
    return np.array(ticks, dtype=np.int64 if max(ticks, default=0) < 2**62 else object)
