"""Messages that belong to a round: whom a worker has heard, and for whom it waits."""

from __future__ import annotations

from collections.abc import Iterable

import simpy


class RoundLedger:
    """The rounds of one worker. `awaited`: those whose message of the round `number` is missing; `arrival` occurs when
    none is missing.

    What has been heard of rounds that are over is not remembered.
    """

    __slots__ = ("arrival", "awaited", "heard", "number")

    def __init__(self) -> None:
        self.number = 0
        self.awaited: dict[int, None] = {}
        self.heard: dict[int, set[int]] = {}  # by round, who has sent a message of it
        self.arrival: simpy.Event | None = None

    def hear(self, sender: int, number: int) -> None:
        """Note that a message of that round is here."""
        if number >= self.number:
            self.heard.setdefault(number, set()).add(sender)
        if number == self.number and sender in self.awaited:
            del self.awaited[sender]
            if not self.awaited and self.arrival is not None and not self.arrival.triggered:
                self.arrival.succeed()

    def begin(self, number: int, senders: Iterable[int]) -> None:
        """Begin to wait for those of `senders` whose message of that round is not here."""
        self.number = number
        here = self.heard.pop(number, set())
        self.awaited = dict.fromkeys(sender for sender in senders if sender not in here)

    def end(self) -> None:
        """Forget the workers that are late for this round."""
        self.heard.pop(self.number, None)
        self.number += 1

    def forget(self) -> None:
        """Stop waiting, and forget all that was heard."""
        self.awaited.clear()
        self.heard.clear()
