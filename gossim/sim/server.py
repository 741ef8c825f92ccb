"""A parameter server: one node with the parameters that all workers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import RunError
from ..optimizers import Optimizer, optimizer_for
from .context import Context
from .message import Message
from .node import Node
from .peers import Peers


class Server(Node):
    """A node that only computes sums, in no time, and never fails. Its number follows the last worker's.

    `version`: how many steps it has taken. `known`: the version that was last sent to each worker. `clocks`:
    how many gradients each worker has sent. `collected`: how many are in its buffer.
    """

    optimizer: Optimizer | None = None

    def __init__(self, context: Context, index: int, peers: Peers):
        super().__init__(context, index, peers)
        settings = context.settings
        own = settings.optimizer
        self._one_rate = own is None or own.one_rate
        if context.learns and own and own.one_rate:
            self.optimizer = optimizer_for(own.of_worker(0), context.program, self.row, context.clock)
        self.version = 0
        self.known = dict.fromkeys(range(settings.workers), 0)
        self.clocks = dict.fromkeys(range(settings.workers), 0)
        self.collected = 0
        self._kept: dict[str, int] = {}
        self._held: dict[int, dict[int, Message]] = {}
        self._contributors: list[int] = []  # of what was collected, where it counts
        self._waiting: dict[int, Callable[[], None]] = {}
        self._missing: set[int] = set()

    def staleness(self, worker: int) -> int:
        """Return how many gradients were applied since the parameters were sent on which this worker has computed."""
        return self.version - self.known[worker]

    def step_along(self, message: Message, scale: float) -> None:
        """Take one step of the optimizer along the gradient in a message. It counts as a step of the worker that sent
        it.

        Args:
            message: The message; its rows are freed.
            scale: Multiplies the learning rate of this step.
        """
        self._step(message.row, scale)
        self.version += 1
        self.clocks[message.sender] += 1
        self.use_up(message)
        self.peers.workers[message.sender].count_step()

    def _step(self, gradient: int, scale: float) -> None:
        if not self._one_rate:
            raise RunError("a server takes its steps with one learning rate, and optimizer.learning_rate has several")
        if self.optimizer:
            self.optimizer.step(gradient, scale)

    def kept(self, name: str) -> int:
        """Return a row of that name which the server keeps; it is zero at first."""
        if name not in self._kept:
            self._kept[name] = self.draft()
        return self._kept[name]

    def hold(self, message: Message, place: int) -> bool:
        """Keep a message at a place, instead of an earlier one of the same sender there.

        Returns:
            Whether its sender had none there.
        """
        held = self._held.setdefault(place, {})
        earlier = held.pop(message.sender, None)
        held[message.sender] = message
        if earlier is not None:
            self.use_up(earlier)
        return earlier is None

    def held(self, place: int) -> list[Message]:
        """Return the messages kept at a place, in the order of their senders."""
        return [message for _, message in sorted(self._held.get(place, {}).items())]

    def let_go(self, place: int) -> None:
        """Free the rows of the messages kept at a place, whose content is in."""
        for message in self._held.pop(place, {}).values():
            self.use_up(message)

    def later(self, seconds: float, place: int, act: Callable[[Server, int], None]) -> None:
        """Call `act(self, place)` after some time, at the end of that instant, if what is kept there is still kept."""
        held = self._held[place]
        self.context.clock.at_deadline(seconds, lambda: act(self, place) if self._held.get(place) is held else None)

    def collect(self, message: Message, weight: float = 1.0, counts: bool = True) -> None:
        """Add what a message brings to the buffer, times a weight.

        Args:
            message: The message; its rows are freed.
            weight: The weight.
            counts: Whether it counts as a step of the worker that sent it, once the server steps along it.
        """
        buffer = self.kept("buffer")
        self.combine(buffer, (1.0, buffer), (weight, message.row))
        self.collected += 1
        self.use_up(message)
        if counts:
            self._contributors.append(message.sender)

    def step_along_collected(self, scale: float = 1.0) -> None:
        """Take one step of the optimizer along the mean of what was collected, times `scale`, and empty the buffer."""
        buffer = self.kept("buffer")
        self.combine(buffer, (1 / self.collected, buffer))
        self._step(buffer, scale)
        self._empty(buffer)

    def move_along_collected(self, rate: float) -> None:
        """Move the parameters against the mean of what was collected, x ← x − rate · mean, and empty the buffer."""
        buffer = self.kept("buffer")
        self.combine(self.row, (1.0, self.row), (-rate / self.collected, buffer))
        self._empty(buffer)

    def _empty(self, buffer: int) -> None:
        self.combine(buffer)
        self.collected = 0
        self.version += 1
        contributors, self._contributors = self._contributors, []
        for worker in contributors:
            self.peers.workers[worker].count_step()

    def send(self, worker: int, part: int | None = None, size_bytes: int | None = None, note: Any = None) -> None:
        """Send `worker` the parameters as they are now, unasked and until they arrive: they go to its mailbox.

        Args:
            worker: Its number.
            part: Another row to send.
            size_bytes: Of it, if it is not a whole vector.
            note: Plain values that go with it, of no size.
        """
        self.known[worker] = self.version
        message = self.pack(worker, self.row if part is None else part, version=self.version, note=note)
        size_bytes = self.context.message_bytes if size_bytes is None else size_bytes
        self.context.network.send(message, size_bytes, self.peers.workers[worker].take_in, reliable=True)

    def answer(self, worker: int, reply: Callable[..., None]) -> None:
        """Send `worker` the parameters as they are now, with their version."""
        self.known[worker] = self.version
        reply(self.row, version=self.version)

    def answer_within(self, staleness: int, worker: int, reply: Callable[..., None], timeout_s: float | None) -> None:
        """Send a worker the parameters as soon as no worker is more than `staleness` gradients behind it.

        Args:
            staleness: In gradients.
            worker: The worker that waits.
            reply: Sends it a copy of a row.
            timeout_s: After waiting this long, workers that are down are not waited for. None: they are.
        """
        self._waiting[worker] = lambda: self.answer(worker, reply)
        self._release(staleness)
        if worker in self._waiting and timeout_s is not None:
            self.context.clock.at_deadline(timeout_s, lambda: self._time_is_up(staleness))

    def catch_up(self, worker: int) -> None:
        """Set the count of a worker that comes back to that of the others: it is not behind them."""
        self._missing.discard(worker)
        self._waiting.pop(worker, None)
        others = [clock for other, clock in self.clocks.items() if other not in (worker, *self._missing)]
        self.clocks[worker] = max(self.clocks[worker], min(others, default=0))

    def _time_is_up(self, staleness: int) -> None:
        self._missing |= {worker.index for worker in self.peers.workers if not worker.up}
        self._release(staleness)

    def _release(self, staleness: int) -> None:
        slowest = min((clock for worker, clock in self.clocks.items() if worker not in self._missing), default=0)
        for worker in [worker for worker in self._waiting if self.clocks[worker] - slowest <= staleness]:
            self._waiting.pop(worker)()
