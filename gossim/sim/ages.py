"""How many steps all workers together took while a message was on its way.

Reckoned afterwards, from the instants at which steps ended and messages were sent and merged: while the clock runs,
there may be steps that nobody has counted yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .network import Message


class Ages:
    """`steps`: those whose instants are kept."""

    def __init__(self) -> None:
        self.steps = 0
        self._before = 0  # steps that ended before those that are kept
        self._single: list[int] = []
        self._ends: list[np.ndarray] = []
        self._merged: list[tuple[Message, int]] = []

    def stepped(self, tick: int) -> None:
        """A step has ended at that tick."""
        self.steps += 1
        self._single.append(tick)

    def stepped_at(self, ends: np.ndarray) -> None:
        """Steps have ended at these ticks."""
        self.steps += len(ends)
        self._ends.append(ends)

    def merged(self, message: Message, tick: int) -> None:
        """`message` was merged at that tick."""
        self._merged.append((message, tick))

    def reckon(self, in_flight: Iterable[Message]) -> None:
        """Add up the ages of what was merged, when all steps up to now are told and this instant is over; what is
        `in_flight` keeps the number of steps that were taken before it was sent."""
        ends = np.sort(np.concatenate([*self._ends, np.array(self._single, dtype=np.int64)]))
        merged = [message for message, _ in self._merged]
        until = self._before + ends.searchsorted([tick for _, tick in self._merged], side="right")
        for message, steps in zip(merged, until.tolist(), strict=True):
            assert message.exchange is not None
            message.exchange.age_steps += steps
        young = [message for message in (*merged, *in_flight) if message.sent_steps is None]
        since = self._before + ends.searchsorted([message.sent for message in young], side="right")
        for message, steps in zip(young, since.tolist(), strict=True):
            message.sent_steps = steps
        for message in merged:
            assert message.exchange is not None
            assert message.sent_steps is not None
            message.exchange.age_steps -= message.sent_steps
        self._before += self.steps
        self.steps = 0
        self._single.clear()
        self._ends.clear()
        self._merged.clear()
