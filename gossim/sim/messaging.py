"""The verbs of gossip: messages that no node waits for, and the weight α that travels with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import simpy

from .context import Context
from .message import Message
from .node import Node
from .peers import Peers
from .round_ledger import RoundLedger
from .timeline import Activity
from .weights import enlarge_weights

TINY = 2.0**-600
"""A weight so small that all of them may be."""


class Messaging(Node):
    """A node with a mailbox, and with a weight α if the algorithm has weights. Its verbs act at the present instant."""

    activity: Activity
    version = 0  # of a server's parameters, where it has them
    _news: simpy.Event | None = None
    mailbox: list[Message] | tuple[()] = ()

    def __init__(self, context: Context, index: int, alpha: Any, peers: Peers):
        super().__init__(context, index, peers)
        self.alpha = alpha

    @cached_property
    def rounds(self) -> RoundLedger:
        """Made at the first use, because most workers know no rounds."""
        return RoundLedger()

    def neighbours(self) -> Sequence[int]:
        """Return the nodes to which it may send in this round."""
        return self.context.topology.neighbours(self.index, self.round)

    def weights(self, before: int = 0) -> dict[int, float]:
        """Return its row of the mixing matrix W without itself: for each neighbour, the weight of what it sends.

        Args:
            before: How many rounds before the current one.
        """
        return self.context.topology.weights(self.index, self.round - before)

    def push(self, peer: int) -> None:
        """Halve α and send (x, α) to a peer: α_s ← α_s/2. The sender does not wait, and does not learn whether the
        message arrives.
        """
        self.post(self.pack(peer, self.row, alpha=self.halved()))

    def spread(self, peers: Sequence[int], round: int | None = None) -> None:
        """Split α into equal parts: keep one, and send one with x to each of `peers`."""
        part = None if self.alpha is None else self.alpha / (len(peers) + 1)
        for peer in peers:
            self.post(self.pack(peer, self.row, alpha=part, round=round))
        self.alpha = part

    def post(self, message: Message, share: float = 1.0) -> None:
        """Send a message to its receiver's mailbox.

        Args:
            message: As `pack` returns it.
            share: The size of each vector on the network, as a share of its full size.
        """
        self.context.network.send(
            message, self._size(len(message.rows), share), self.peers.workers[message.receiver].take_in
        )

    def receive(self) -> list[Message]:
        """Take what has arrived since the last call, in order of arrival."""
        arrived, self.mailbox = self.mailbox, ()
        for message in arrived:
            self.in_hand[message] = None
        return list(arrived)

    def merge(self, message: Message) -> None:
        """Merge a message by weights: x ← (αx + α'x')/(α + α'), α ← α + α'. Its rows are freed."""
        total = self.alpha + message.alpha
        # Exact fractions stay with the weights; the program's coefficients are floats. Two that have lost all weight
        # beside the others' count as much as each other.
        mine, theirs = (float(self.alpha / total), float(message.alpha / total)) if total else (0.5, 0.5)
        self.combine(self.row, (mine, self.row), (theirs, message.row))
        self.alpha = total
        self.use_up(message)

    def average(self, row: int, mixed: Sequence[tuple[float, Message]], place: int = 0) -> None:
        """Average a row with what messages brought: row ← (1 − Σw) row + Σ w · (the row at `place` of each message)."""
        own = 1 - sum(weight for weight, _ in mixed)
        self.combine(row, (own, row), *((weight, message.rows[place]) for weight, message in mixed))

    def use_up_all(self, mixed: Sequence[tuple[float, Message]]) -> None:
        """Free the rows of messages whose content is in."""
        for _, message in mixed:
            self.use_up(message)

    def halved(self) -> Any:
        """Halve α and return the other half, or None without weights."""
        if self.alpha is not None:
            self.alpha = self.alpha / 2
            if self.alpha < TINY:
                enlarge_weights(self.context, self.peers.workers)
        return self.alpha

    def take_in(self, message: Message) -> None:
        """Put a `message` that has arrived into the mailbox; it is lost while the worker is down."""
        if not self.up:
            self.context.network.lose(message)
            return
        if self.mailbox:
            self.mailbox.append(message)
        else:
            self.mailbox = [message]
        self.heard()
        if self._news is not None and not self._news.triggered:
            self._news.succeed()
        if message.round is not None:
            self.rounds.hear(message.sender, message.round)

    def news(self) -> simpy.Event:
        """Return an event that occurs once there is a message in the mailbox, as in `yield computed | w.news()`."""
        if self._news is None or self._news.triggered:
            self._news = self.context.clock.event()
        if self.mailbox and not self._news.triggered:
            self._news.succeed()
        return self._news

    def adopt(self, *messages: Message) -> bool:
        """Take over the newest of a server's parameters: x ← those of the highest version. The messages are used up.

        Args:
            *messages: Messages with a version, in any order.

        Returns:
            Whether one of them was newer than the worker's own.
        """
        newest = max(messages, key=lambda message: message.version or 0, default=None)
        newer = newest is not None and (newest.version or 0) > self.version
        if newest is not None and newer:
            self.combine(self.row, (1.0, newest.row))
            self.version = newest.version or 0
        for message in messages:
            self.use_up(message)
        return newer

    def heard(self) -> None:
        """Called when a message has come into the mailbox."""

    def _size(self, vectors: int, share: float = 1.0) -> int:
        size_bytes = vectors * self.context.message_bytes
        # A product such as 0.07 · 400 is a rounding above a whole number, and must not count as the next one.
        return size_bytes if share == 1.0 else math.ceil(share * size_bytes * (1 - 1e-15))
