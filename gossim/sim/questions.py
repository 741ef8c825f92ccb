"""The verb of question and answer: a node is asked, and what it does then is a method of the algorithm.

`w.ask(peer, "average", [w.row])` sends a copy of x to `peer`. When it arrives, the algorithm's method of that name is
called with the node that was asked:

    def average(self, other, message, reply):
        reply(other.row)
        other.combine(other.row, (0.5, other.row), (0.5, message.row))
        other.use_up(message)

It holds nothing of the node that asks, but what the message brings: so it does not matter where that node is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any

import simpy

from ..errors import RunError, nearest
from .message import Message
from .peers import Answering, DistributedAlgorithm
from .rounds import Rounds

Reply = Callable[..., None]
"""Sends copies of rows, and with `alpha` some weight, back to the node that asked."""

Answer = Callable[[Any, Message | None, Reply], None]
"""What a node does when it is asked: called with the node, the message or None for a mere request, and the reply."""


def answer_of(algorithm: DistributedAlgorithm, question: str) -> Answer:
    """Return the method that answers `question`. Raises RunError, with the nearest name, if it does not exist."""
    if question not in _questions(type(algorithm)):
        near = nearest(question, _questions(type(algorithm)))
        raise RunError(
            f"the algorithm '{algorithm.name}' has no method {question}(self, node, message, reply), as asked for{near}"
        )
    answer: Answer = getattr(algorithm, question)
    return answer


@cache
def _questions(kind: type) -> frozenset[str]:
    """Return the names of the public methods that take a node, a message and a reply."""
    return frozenset(name for name in dir(kind) if not name.startswith("_") and _answers(kind, name))


def _answers(kind: type, name: str) -> bool:
    method = inspect.getattr_static(kind, name)
    if not isinstance(method, FunctionType):
        return False
    try:
        inspect.signature(method).bind("self", "node", "message", "reply")
    except TypeError:
        return False
    return True


class Asking(Rounds):
    """Asks other nodes, and waits for their answers."""

    asked: simpy.Event | None = None

    def ask(
        self,
        peer: int,
        question: str,
        rows: Sequence[int] = (),
        timeout_s: float | None = None,
        reliable: bool = False,
        by_lot: bool = True,
        version: int | None = None,
        meanwhile: bool = False,
        size_bytes: int | None = None,
        note: Any = None,
    ) -> simpy.Event:
        """Ask a node, and wait for its answer. To be yielded.

        When the request arrives, the algorithm's method `question` is called with the node that was asked, the
        message (None for a mere request), and a `reply`. The node has to use up the message. It calls `reply` with
        the rows to send back, then or later. A mere request takes the link's latency; a node answers at the instant
        of arrival, whatever it is doing.

        Args:
            peer: The number of a worker, or of the server.
            question: The name of a method of the algorithm, `(self, node, message, reply)`.
            rows: Rows to send copies of.
            timeout_s: How long to wait. None: for ever.
            reliable: Whether messages are sent until they arrive. If `peer` is down, a reliable request is answered
                by None at once, and an unreliable one is not answered.
            by_lot: Whether requests that reach `peer` at one tick are served in an order that is drawn
                (`gossim.sim.ties`). If not, they are served as they were sent; only right if the order does not
                decide whose work counts.
            version: The version of a server's parameters that the rows come from.
            meanwhile: Whether the worker goes on computing, and does not count as waiting yet.
            size_bytes: Of the rows, if these are not whole vectors.
            note: Plain values that go with the rows, of no size.

        Returns:
            An event whose value is the answer, a `Message`, or None after `timeout_s`. An answer that comes later
            goes to the mailbox.

        Raises:
            RunError: If the algorithm has no such method.
        """
        if not meanwhile:
            self.activity.enter("waiting")
        answer = answer_of(self.context.algorithm, question)
        asked = _Question(self, self.peers.node(peer), answer, reliable, by_lot)
        self.asked = asked.answered
        network = self.context.network
        if rows:
            message = self.pack(peer, *rows, version=version, note=note)
            size = self._size(len(rows)) if size_bytes is None else size_bytes
            network.send(message, size, asked.reach, reliable)
        else:
            network.transfer(self.index, peer, 0, lambda: asked.reach(None), reliable=reliable)
        if timeout_s is not None:
            self.context.clock.at_deadline(timeout_s, asked.expire)
        return asked.answered

    def pull(self, peer: int, timeout_s: float | None = None) -> simpy.Event:
        """Ask a peer for its x and half of its α, with the algorithm's `give_half`. To be yielded.

        Args:
            peer: The number of a worker.
            timeout_s: How long to wait. None: for ever.

        Returns:
            An event whose value is the answer, a `Message`, or None after `timeout_s`. An answer that comes later
            goes to the mailbox.
        """
        return self.ask(peer, "give_half", timeout_s=timeout_s)


class _Question:
    """A request, and then its answer, on its way between two nodes."""

    __slots__ = ("answer", "answered", "asker", "by_lot", "node", "reliable", "sent")

    def __init__(self, asker: Asking, node: Answering, answer: Answer, reliable: bool, by_lot: bool):
        self.asker, self.node, self.answer = asker, node, answer
        self.reliable, self.by_lot = reliable, by_lot
        self.sent = asker.context.clock.now
        self.answered = asker.context.clock.event()

    def reach(self, message: Message | None) -> None:
        """Let the request reach the node, which attends to it in its turn."""
        if self.by_lot:
            self.asker.context.turns.serve(self.node.index, self.sent, lambda: self.attend(message))
        else:
            self.attend(message)

    def attend(self, message: Message | None) -> None:
        if self.node.takes_part:
            self.answer(self.node, message, self.reply)
            return
        if message is not None:
            self.asker.context.network.lose(message)
        if self.reliable:
            self.expire()

    def reply(self, *rows: int, alpha: Any = None, version: int | None = None) -> None:
        """Send copies of `rows` back to the node that asked."""
        asker = self.asker
        message = self.node.pack(asker.index, *rows, alpha=alpha, version=version)
        asker.context.network.send(message, asker._size(len(rows)), self.arrive, self.reliable)

    def arrive(self, answer: Message) -> None:
        """Let the answer reach the node that asked."""
        if self.answered.triggered and self.reliable:
            self.asker.context.network.lose(answer)
        elif self.answered.triggered:
            self.asker.take_in(answer)
        else:
            self.asker.in_hand[answer] = None
            self.answered.succeed(answer)

    def expire(self) -> None:
        """Stop waiting for an answer."""
        if not self.answered.triggered:
            self.answered.succeed(None)
