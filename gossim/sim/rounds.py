"""The verbs of rounds: sending to the neighbours, and waiting for what they send."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import simpy

from .message import Message
from .messaging import Messaging


class Rounds(Messaging):
    """A node that works in rounds with its neighbours. `round` is the number of its round, which the algorithm
    counts.
    """

    def tell(self, *rows: int, share: float = 1.0) -> None:
        """Send copies of rows to all neighbours, as this worker's messages of the round.

        Args:
            *rows: The rows to send.
            share: The size of each vector on the network, as a share of its full size.
        """
        for peer in self.neighbours():
            self.post(self.pack(peer, *rows, round=self.round), share)

    def gather(
        self, senders: Iterable[int], timeout_s: float | None = None, overlap: int = 0, missing: int = 0
    ) -> Generator[simpy.Event, Any, list[Message]]:
        """Wait for the messages of a round, then take what is in the mailbox. To be yielded from.

        Messages of later rounds stay in the mailbox.

        Args:
            senders: The workers whose messages are awaited.
            timeout_s: After this time, and after every further multiple of it, senders that are down or in a later
                round already are given up. None: never.
            overlap: Wait for the messages of this many rounds before the current one.
            missing: How many of the senders, the last ones, are not waited for.

        Returns:
            The messages taken, in order of arrival.
        """
        self.activity.enter("waiting")
        self.rounds.begin(self.round - overlap, senders, missing)
        yield from self._wait_for_awaited(timeout_s)
        if overlap or missing:
            # What comes at one instant is taken together, whatever the order in which it comes.
            yield self.context.clock.deadline()
        return self._take_in_round()

    def expect(self, senders: Iterable[int]) -> None:
        """Begin to listen for a message of this round from each of `senders`, and go on meanwhile. `gathered` takes
        them.
        """
        self.rounds.begin(self.round, senders)

    def gathered(self, wait: bool, timeout_s: float | None = None) -> Generator[simpy.Event, Any, list[Message] | None]:
        """Take what is in the mailbox, as `gather` does, if all expected messages have arrived. To be yielded from.

        A message that arrives at this very instant counts, whatever the order of events.

        Args:
            wait: Whether to wait if some have not arrived.
            timeout_s: As in `gather`.

        Returns:
            The messages, in the order of rounds and senders; None if some have not arrived and `wait` is false. They
            then stay in the mailbox.
        """
        if self.rounds.awaited and wait:
            self.activity.enter("waiting")
            yield from self._wait_for_awaited(timeout_s)
        elif self.rounds.awaited:
            self.rounds.arrival = self.context.clock.event()
            yield self.rounds.arrival | self.context.clock.deadline()
            if self.rounds.awaited:
                return None
        return sorted(self._take_in_round(), key=lambda message: (message.round, message.sender))

    def mix(
        self, timeout_s: float | None = None, weights: dict[int, float] | None = None, missing: int = 0
    ) -> Generator[simpy.Event, Any, list[tuple[float, Message]]]:
        """Gather this round's messages from all neighbours that have a weight. Yield from it.

        Messages that come too late for their round are lost.

        Args:
            timeout_s: As in `gather`.
            weights: The weight of each sender; by default the mixing matrix's.
            missing: As in `gather`.

        Returns:
            The weight W_ij and the message of each sender, in the order of senders.
        """
        weights = self.weights() if weights is None else weights
        mixed = []
        for message in (yield from self.gather(weights, timeout_s, missing=missing)):
            if message.round == self.round:
                mixed.append((weights[message.sender], message))
            else:
                self.discard(message)
        # In the order of the workers, not of arrival: the sum's rounding must not depend on who was late.
        return sorted(mixed, key=lambda pair: pair[1].sender)

    def mix_in(
        self, timeout_s: float | None = None, weights: dict[int, float] | None = None
    ) -> Generator[simpy.Event, Any, None]:
        """Average x with the parameters that this round's messages bring: x_i ← Σ_j W_ij x_j. To be yielded from.

        Args:
            timeout_s: As in `gather`.
            weights: As in `mix`.
        """
        mixed = yield from self.mix(timeout_s, weights)
        self.average(self.row, mixed)
        self.use_up_all(mixed)

    def follow(self) -> None:
        """Remember from now on how far each sender is, for `let_catch_up`."""
        self.rounds.latest = {}

    def let_catch_up(
        self, senders: Iterable[int], gap: int, timeout_s: float | None = None
    ) -> Generator[simpy.Event, Any, None]:
        """Wait until no sender is more than `gap` rounds behind this worker's, by the messages of it. To be yielded
        from. The worker must `follow` its senders.

        Args:
            senders: The workers that may be behind.
            gap: In rounds.
            timeout_s: After this time, and after every further multiple of it, senders that are down are given up.
                None: never.
        """
        rounds, latest = self.rounds, self.rounds.latest
        assert latest is not None
        behind = tuple(sender for sender in senders if latest.get(sender, -1) < self.round - gap)
        if not behind or self.round < gap:
            return
        self.activity.enter("waiting")
        watch = None if timeout_s is None else self.context.watches.begin(behind, timeout_s)
        awaited = behind
        try:
            while behind:
                rounds.advance = self.context.clock.event()
                yield rounds.advance if watch is None else rounds.advance | watch.next()
                behind = tuple(sender for sender in behind if latest.get(sender, -1) < self.round - gap)
                if watch is not None and watch.event.triggered:
                    behind = tuple(sender for sender in behind if self.peers.workers[sender].up)
        finally:
            if watch is not None:
                self.context.watches.end(watch, awaited)

    def _wait_for_awaited(self, timeout_s: float | None) -> Generator[simpy.Event, Any, None]:
        rounds, watches = self.rounds, self.context.watches
        awaited = tuple(rounds.awaited)
        watch = None if timeout_s is None or len(awaited) <= rounds.missing else watches.begin(awaited, timeout_s)
        try:
            while len(rounds.awaited) > rounds.missing:
                rounds.arrival = self.context.clock.event()
                yield rounds.arrival if watch is None else rounds.arrival | watch.next()
                if watch is not None:
                    self._give_up_on_the_missing()
        finally:
            if watch is not None:
                watches.end(watch, awaited)

    def _give_up_on_the_missing(self) -> None:
        """Stop waiting for senders that are down or in a later round already."""
        rounds = self.rounds
        for sender in list(rounds.awaited):
            other = self.peers.workers[sender]
            if not other.up or other.round > rounds.number:
                del rounds.awaited[sender]

    def _take_in_round(self) -> list[Message]:
        """End the round and take what is in the mailbox. Messages of later rounds stay there."""
        self.rounds.end()
        ahead = [message for message in self.mailbox if message.round is not None and message.round > self.round]
        self.mailbox = [message for message in self.mailbox if message not in ahead]
        arrived = self.receive()
        self.mailbox = ahead
        return arrived
