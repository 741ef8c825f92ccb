"""Messages that belong to a round: whom a worker has heard, and for whom it waits."""

from __future__ import annotations

from collections.abc import Iterable

import simpy


class RoundLedger:
    """The rounds of one worker. `awaited`: those whose message of the round `number` is missing; `arrival` occurs when
    no more than `missing` of them are.

    What has been heard of rounds that are over is not remembered, but for the `latest` round of each sender where
    somebody asks for it; `advance` then comes with each message.
    """

    __slots__ = ("advance", "arrival", "awaited", "heard", "latest", "missing", "number")

    def __init__(self) -> None:
        self.number = 0
        self.awaited: dict[int, None] = {}
        self.heard: dict[int, set[int]] = {}  # by round, who has sent a message of it
        self.arrival: simpy.Event | None = None
        self.missing = 0
        self.latest: dict[int, int] | None = None
        self.advance: simpy.Event | None = None

    def hear(self, sender: int, number: int) -> None:
        """Note that a message of that round is here."""
        if number >= self.number:
            self.heard.setdefault(number, set()).add(sender)
        if number == self.number and sender in self.awaited:
            del self.awaited[sender]
            if len(self.awaited) <= self.missing and self.arrival is not None and not self.arrival.triggered:
                self.arrival.succeed()
        if self.latest is not None:
            self.latest[sender] = max(number, self.latest.get(sender, -1))
            if self.advance is not None and not self.advance.triggered:
                self.advance.succeed()

    def begin(self, number: int, senders: Iterable[int], missing: int = 0) -> None:
        """Begin to wait for those of `senders` whose message of that round is not here, all but `missing` of them."""
        self.number, self.missing = number, missing
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
        if self.latest is not None:
            self.latest.clear()
