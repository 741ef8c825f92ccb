"""What a worker can say to others: the verbs of gossip, of rounds among neighbours, and of question and answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import simpy

from .message import Message
from .node import Node
from .rounds import Rounds
from .timeline import Activity

if TYPE_CHECKING:
    from .world import World

TINY = 2.0**-600
"""A weight so small that all of them may be."""

Reply = Callable[..., None]
"""Sends copies of rows, and with `alpha` some weight, back to who asked."""

Serve = Callable[[Message | None, Reply], None]
"""What somebody does who is asked something."""


class Messaging(Node):
    """A mailbox, and a weight α where the algorithm has weights.

    A verb that takes simulated time returns an event, to be `yield`ed, or is to be `yield from`ed; all others happen at
    this instant.
    """

    activity: Activity
    mailbox: list[Message] | tuple[()] = ()
    asked: simpy.Event | None = None

    def neighbours(self) -> Sequence[int]:
        """Those to whom it may send in this round."""
        return self.world.topology.neighbours(self.index, self.round)

    def weights(self, before: int = 0) -> dict[int, float]:
        """What it makes of what it hears in this round, or so many rounds before: its row of the mixing matrix W,
        without itself."""
        return self.world.topology.weights(self.index, self.round - before)

    def __init__(self, world: World, index: int, alpha: Any):
        super().__init__(world, index)
        self.alpha = alpha

    @cached_property
    def rounds(self) -> Rounds:
        """Made when somebody first asks: most workers know none."""
        return Rounds()

    # Gossip: nobody waits.

    def push(self, peer: int) -> None:
        """Halve α and send (x, α) to `peer`: α_s ← α_s/2. Does not wait, and does not learn whether it arrives."""
        self.post(self.pack(peer, self.row, alpha=self.halved()))

    def spread(self, peers: Sequence[int], round: int | None = None) -> None:
        """Cut α into equal parts, one to keep and one to send with x to each of `peers`."""
        part = None if self.alpha is None else self.alpha / (len(peers) + 1)
        for peer in peers:
            self.post(self.pack(peer, self.row, alpha=part, round=round))
        self.alpha = part

    def post(self, message: Message, share: float = 1.0) -> None:
        """Put `message` on its way to the receiver's mailbox; it is so many parameter vectors large, each cut down to a
        `share` of its size."""
        self.world.network.send(
            message, self._size(len(message.rows), share), self.world.workers[message.receiver].take_in
        )

    def receive(self) -> list[Message]:
        """What has arrived since the last call, in order of arrival."""
        arrived, self.mailbox = self.mailbox, ()
        for message in arrived:
            self.in_hand[message] = None
        return list(arrived)

    def merge(self, message: Message) -> None:
        """x ← (αx + α'x')/(α + α'), α ← α + α', with x' and α' from `message`, whose row is freed."""
        total = self.alpha + message.alpha
        # Exact fractions stay with the weights; the program's coefficients are floats. Two that have lost all weight
        # beside the others' count as much as each other.
        mine, theirs = (float(self.alpha / total), float(message.alpha / total)) if total else (0.5, 0.5)
        self.combine(self.row, (mine, self.row), (theirs, message.row))
        self.alpha = total
        self.use_up(message)

    def average(self, row: int, mixed: Sequence[tuple[float, Message]], place: int = 0) -> None:
        """row ← (1 − Σw) row + Σ w · (the row at that `place` of each message)."""
        own = 1 - sum(weight for weight, _ in mixed)
        self.combine(row, (own, row), *((weight, message.rows[place]) for weight, message in mixed))

    def use_up_all(self, mixed: Sequence[tuple[float, Message]]) -> None:
        """What these messages brought is in, and their rows are free."""
        for _, message in mixed:
            self.use_up(message)

    def take_in(self, message: Message) -> None:
        """`message` has arrived: into the mailbox, or lost where nobody is there to take it."""
        if not self.up:
            self.world.network.lose(message)
            return
        if self.mailbox:
            self.mailbox.append(message)
        else:
            self.mailbox = [message]
        self.heard()
        if message.round is not None:
            self.rounds.hear(message.sender, message.round)

    def heard(self) -> None:
        """There is something in the mailbox."""

    # Rounds: in step with the neighbours.

    def tell(self, *rows: int, share: float = 1.0) -> None:
        """Send copies of `rows` to all neighbours, as its messages of this round."""
        for peer in self.neighbours():
            self.post(self.pack(peer, *rows, round=self.round), share)

    def gather(
        self, senders: Iterable[int], timeout_s: float | None = None, overlap: int = 0
    ) -> Generator[simpy.Event, Any, list[Message]]:
        """Wait until each of `senders` has sent its message of this round, or of the one `overlap` rounds before, and
        take what is in the mailbox; what belongs to rounds to come stays there.

        With `timeout_s`, those who are found down, or in a later round already, that long after it began to wait, or at
        any multiple of it, are not waited for any more.
        """
        self.activity.enter("waiting")
        self.rounds.begin(self.round - overlap, senders)
        yield from self._wait_for_awaited(timeout_s)
        if overlap:
            # What comes at one instant is taken together, whatever the order in which it comes.
            yield self.world.clock.deadline()
        return self._take_in_round()

    def expect(self, senders: Iterable[int]) -> None:
        """From now on listen for a message of this round from each of `senders`; go on meanwhile (`gathered`)."""
        self.rounds.begin(self.round, senders)

    def gathered(self, wait: bool, timeout_s: float | None = None) -> Generator[simpy.Event, Any, list[Message] | None]:
        """Take what is in the mailbox, as `gather` does, in the order of the senders, if all that are expected have
        sent their messages; otherwise `wait` until they have, or return None and leave everything there.

        What comes at this very instant counts, whatever the order in which it comes.
        """
        if self.rounds.awaited and wait:
            self.activity.enter("waiting")
            yield from self._wait_for_awaited(timeout_s)
        elif self.rounds.awaited:
            self.rounds.arrival = self.world.clock.event()
            yield self.rounds.arrival | self.world.clock.deadline()
            if self.rounds.awaited:
                return None
        return sorted(self._take_in_round(), key=lambda message: (message.round, message.sender))

    def _wait_for_awaited(self, timeout_s: float | None) -> Generator[simpy.Event, Any, None]:
        rounds, watches = self.rounds, self.world.watches
        awaited = tuple(rounds.awaited)
        watch = None if timeout_s is None or not awaited else watches.begin(awaited, timeout_s)
        try:
            while rounds.awaited:
                rounds.arrival = self.world.clock.event()
                yield rounds.arrival if watch is None else rounds.arrival | watch.next()
                if watch is not None:
                    self._give_up_on_the_missing()
        finally:
            if watch is not None:
                watches.end(watch, awaited)

    def _give_up_on_the_missing(self) -> None:
        """Wait no more for those that are down, or in a later round already."""
        rounds = self.rounds
        for sender in list(rounds.awaited):
            other = self.world.workers[sender]
            if not other.up or other.round > rounds.number:
                del rounds.awaited[sender]

    def _take_in_round(self) -> list[Message]:
        """End the round, and take what is in the mailbox; what belongs to rounds to come stays there."""
        self.rounds.end()
        ahead = [message for message in self.mailbox if message.round is not None and message.round > self.round]
        self.mailbox = [message for message in self.mailbox if message not in ahead]
        arrived = self.receive()
        self.mailbox = ahead
        return arrived

    def mix(self, timeout_s: float | None = None) -> Generator[simpy.Event, Any, list[tuple[float, Message]]]:
        """Gather this round's messages of all whom it hears, with the weight W_ij of each. Those that come too late for
        their round are lost."""
        weights = self.weights()
        mixed = []
        for message in (yield from self.gather(weights, timeout_s)):
            if message.round == self.round:
                mixed.append((weights[message.sender], message))
            else:
                self.discard(message)
        # In the order of the workers, not of arrival: the sum's rounding must not depend on who was late.
        return sorted(mixed, key=lambda pair: pair[1].sender)

    # Question and answer.

    def pull(self, peer: int, timeout_s: float | None = None) -> simpy.Event:
        """Ask `peer` for its x and half of its α, and wait for the answer: the event's value is a `Message`, or None
        after `timeout_s`. An answer that comes later goes to the mailbox.

        The request takes the link's latency; `peer` answers the moment it arrives, whatever it is doing then, unless it
        is down.
        """
        other = self.world.workers[peer]
        return self.ask(other, lambda _, reply: reply(other.row, alpha=other.halved()), timeout_s=timeout_s)

    def ask(
        self,
        other: Node,
        serve: Serve,
        rows: Sequence[int] = (),
        timeout_s: float | None = None,
        reliable: bool = False,
        by_lot: bool = True,
    ) -> simpy.Event:
        """Send copies of `rows`, or a mere request, to `other`, and turn to waiting: the event's value is the answer, a
        `Message`, or None after `timeout_s`. An answer that comes later goes to the mailbox.

        When it arrives, `serve` is called with the message, which `other` has to use up, or None for a mere request; it
        calls `reply` with the rows to send back, then or later. Requests that reach `other` at one tick are served in
        an order that is drawn (`sim.ties`), or as they were sent where it does not decide whose work counts, and so is
        not `by_lot`. Where `other` is down, nothing happens, unless the exchange is `reliable`: then the answer is None
        at once.
        """
        self.activity.enter("waiting")
        network, sent = self.world.network, self.world.clock.now
        self.asked = answered = self.world.clock.event()

        def arrived(answer: Message) -> None:
            if answered.triggered and reliable:
                network.lose(answer)
            elif answered.triggered:
                self.take_in(answer)
            else:
                self.in_hand[answer] = None
                answered.succeed(answer)

        def reply(*copied: int, alpha: Any = None) -> None:
            network.send(other.pack(self.index, *copied, alpha=alpha), self._size(len(copied)), arrived, reliable)

        def reach(message: Message | None) -> None:
            if by_lot:
                self.world.turns.serve(other.index, sent, lambda: attend(message))
            else:
                attend(message)

        def attend(message: Message | None) -> None:
            if other.takes_part:
                serve(message, reply)
                return
            if message is not None:
                network.lose(message)
            if reliable and not answered.triggered:
                answered.succeed(None)

        if rows:
            network.send(self.pack(other.index, *rows), self._size(len(rows)), reach, reliable)
        else:
            network.transfer(self.index, other.index, 0, lambda: reach(None), reliable=reliable)
        if timeout_s is not None:
            self.world.clock.at_deadline(timeout_s, lambda: answered.triggered or answered.succeed(None))
        return answered

    def halved(self) -> Any:
        """α ← α/2, and the other half; None without weights."""
        if self.alpha is not None:
            self.alpha = self.alpha / 2
            if self.alpha < TINY:
                self.world.enlarge_weights()
        return self.alpha

    def _size(self, vectors: int, share: float = 1.0) -> int:
        size_bytes = vectors * self.world.message_bytes
        # A product such as 0.07 · 400 is a rounding above a whole number, and must not count as the next one.
        return size_bytes if share == 1.0 else math.ceil(share * size_bytes * (1 - 1e-15))
