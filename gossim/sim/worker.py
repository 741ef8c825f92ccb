"""What a worker can do: the verbs in which algorithms are written."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from ..errors import RunError
from ..optimizers import optimizer_for
from ..program import INITIAL_ROW
from ..rng import PeerRandom, Purpose, stream
from .activity import Activity
from .clock import ticks
from .network import Message

if TYPE_CHECKING:
    from .allreduce import AllReduceMean
    from .collectives import Collective
    from .world import World


class Worker:
    """One worker of the simulated cluster: its parameters (a row), its weight α (a plain number), its mailbox.

    A verb that takes simulated time returns an event, to be `yield`ed; all others happen at this instant.
    """

    def __init__(self, world: World, index: int, alpha: Any):
        settings, program = world.settings, world.program
        self.world = world
        self.index = index
        self.alpha = alpha  # None for algorithms without weights
        self.row = program.copy(INITIAL_ROW)
        self.optimizer = (
            optimizer_for(settings.optimizer, program, self.row, world.clock)
            if world.learns and settings.optimizer
            else None
        )
        self.rng = PeerRandom(world.seed, index)
        self.steps = 0
        self.gradients = 0
        self.mailbox: list[Message] = []
        self.activity = Activity(world.clock, world.timeline, index)
        self._compute_s = settings.gradient_s(world.seed, index)
        # Its own, not the common pool's: rows that change hands would tie the workers' gradients to each other.
        self._spare_rows: list[int] = []
        self.up, self.gone = True, False  # gone: down for good
        self.takes_part = True  # not while it is down or on its way back
        self.drafts: set[int] = set()  # rows that its process holds, and that are lost with it
        self._in_hand: dict[Message, None] = {}  # taken from the mailbox, and not merged yet
        self._asked: simpy.Event | None = None
        self._fetches = stream(world.seed, Purpose.FAULTS, index) if settings.faults else None

    def gradient(self) -> int:
        """The row of the gradient at the parameters as they are now, on this worker's next minibatch."""
        row = self._spare_rows.pop() if self._spare_rows else self.world.program.rows.allocate()
        self.world.program.grad(row, self.row, self.index, self.gradients)
        self.gradients += 1
        self.drafts.add(row)
        return row

    def compute(self) -> simpy.Event:
        """The time that one gradient takes this worker."""
        self.activity.enter("computing")
        clock = self.world.clock
        seconds = self._compute_s(clock.now_s)
        if not ticks(seconds):
            raise RunError(f"a gradient of {seconds} s is shorter than a picosecond, by which the clock counts")
        return clock.wait(seconds)

    def step(self, gradient: int, own: bool = True) -> None:
        """One step of the optimizer along `gradient`, whose row is given back. Counted where the gradient is this
        worker's `own`, or has it as a part: a gradient that was computed and dropped is no gradient step."""
        if self.optimizer:
            self.optimizer.step(gradient)
        self.give_back(gradient)
        if own:
            self.steps += 1
            self.world.stepped()

    def give_back(self, row: int) -> None:
        """Give up `row`: kept for this worker's next gradient if nobody else holds it."""
        rows = self.world.program.rows
        self.drafts.discard(row)
        if not self._spare_rows and rows.give_back(row):
            self._spare_rows.append(row)
        else:
            rows.release(row)

    @property
    def workers(self) -> int:
        """How many workers there are, this one included."""
        return len(self.world.workers)

    @property
    def alone(self) -> bool:
        """Whether there is nobody to talk to."""
        return self.workers == 1

    def random_peer(self) -> int | None:
        """A neighbour in the topology, by this worker's own random numbers; None if it has none in this round, which is
        the number of steps that it has taken."""
        return self.world.topology.random_peer(self.index, self.rng.random(), self.steps)

    def push(self, peer: int) -> None:
        """Halve α and send (x, α) to `peer`: α_s ← α_s/2. Does not wait, and does not learn whether it arrives."""
        self.world.network.send(self._halve(peer), self.world.message_bytes, self.world.workers[peer].take_in)

    def take_in(self, message: Message) -> None:
        """`message` has arrived: into the mailbox, or lost where nobody is there to take it."""
        if self.up:
            self.mailbox.append(message)
        else:
            self.world.network.lose(message)

    def receive(self) -> list[Message]:
        """What has arrived since the last call, in order of arrival."""
        arrived, self.mailbox = self.mailbox, []
        for message in arrived:
            self._in_hand[message] = None
        return arrived

    def pull(self, peer: int, timeout_s: float | None = None) -> simpy.Event:
        """Ask `peer` for its x and half of its α, and wait for the answer: the event's value is a `Message`, or None
        after `timeout_s`. An answer that comes later goes to the mailbox.

        The request takes the link's latency; `peer` answers the moment it arrives, whatever it is doing then, unless it
        is down.
        """
        answered = self._ask(peer, reliable=False)
        if timeout_s is not None:
            self.world.clock.after(timeout_s, lambda: answered.triggered or answered.succeed(None))
        return answered

    def _ask(self, peer: int, reliable: bool) -> simpy.Event:
        """Send a request to `peer`, and turn to waiting: the event happens with the answer."""
        self.activity.enter("waiting")
        network, answerer = self.world.network, self.world.workers[peer]
        self._asked = answered = self.world.clock.event()

        def arrived(message: Message) -> None:
            if answered.triggered:
                self.take_in(message)
            else:
                self._in_hand[message] = None
                answered.succeed(message)

        def answer() -> None:
            if answerer.up:
                network.send(answerer._halve(self.index), self.world.message_bytes, arrived, reliable)
            elif reliable and not answered.triggered:
                answered.succeed(None)

        network.transfer(self.index, peer, 0, answer, None if reliable else lambda: None)
        return answered

    def merge(self, message: Message) -> None:
        """x ← (αx + α'x')/(α + α'), α ← α + α', with x' and α' from `message`, whose row is freed."""
        program, total = self.world.program, self.alpha + message.alpha
        if not total:
            raise RunError(f"worker {self.index} and a message to it were halved until both weights were 0")
        # Exact fractions stay with the weights; the program's coefficients are floats.
        mine, theirs = float(self.alpha / total), float(message.alpha / total)
        program.combine(self.row, [(mine, self.row), (theirs, message.row)])
        self.alpha = total
        self._use_up(message)

    def allreduce(
        self,
        collective: Collective,
        backup: int = 0,
        reduction_s_per_byte: float = 0.0,
        timeout_s: float | None = None,
    ) -> AllReduceMean:
        """The all-reduce of all workers, the same for each: `yield` what its `arrive` returns."""
        return self.world.allreduce(collective, backup, reduction_s_per_byte, timeout_s)

    def crash(self, for_good: bool) -> None:
        """Go down: what its process holds, has received or has not sent is lost, and its weight too if it is `gone`."""
        world = self.world
        self.up, self.gone, self.takes_part = False, for_good, False
        self.activity.enter("down")
        for row in sorted(self.drafts):
            world.program.rows.release(row)
        self.drafts.clear()
        self.receive()
        for message in self._in_hand:
            world.network.lose(message)
        self._in_hand.clear()
        if self._asked is not None and not self._asked.triggered:
            self._asked.succeed(None)
        world.network.crashed(self.index)
        if for_good:
            self._lose_weight()

    def come_back(self, parameters: str) -> Generator[simpy.Event, Any, None]:
        """The way back to work, with its `parameters` kept, reset, or fetched from a random worker that is up."""
        if parameters == "kept":
            return
        program = self.world.program
        if parameters == "fetched":
            answer = yield from self._fetch()
            if answer is None:
                return
            self._lose_weight()
            program.combine(self.row, [(1.0, answer.row)])
            self.alpha = answer.alpha
            self._use_up(answer)
        else:
            program.combine(self.row, [(1.0, INITIAL_ROW)])
        if self.optimizer:
            self.optimizer.restart()

    def take_over(self, other: Worker) -> None:
        """x and the optimizer's state become those of `other`."""
        self.world.program.combine(self.row, [(1.0, other.row)])
        if self.optimizer and other.optimizer:
            self.optimizer.take_over(other.optimizer)

    def _fetch(self) -> Generator[simpy.Event, Any, Message | None]:
        """Ask until somebody answers; None where nobody else takes part."""
        assert self._fetches is not None
        while True:
            peers = [worker.index for worker in self.world.workers if worker.takes_part]
            if not peers:
                return None
            answer = yield self._ask(peers[int(self._fetches.random() * len(peers))], reliable=True)
            if answer is not None:
                return answer

    def _lose_weight(self) -> None:
        if self.alpha is not None:
            self.world.network.alpha_lost += self.alpha
            self.alpha = 0 * self.alpha

    def _use_up(self, message: Message) -> None:
        self._in_hand.pop(message, None)
        self.world.program.rows.release(message.row)
        self.world.network.merged(message, self.world.gradient_steps)

    def _halve(self, receiver: int) -> Message:
        program = self.world.program
        self.alpha = None if self.alpha is None else self.alpha / 2
        return Message(
            self.index, receiver, program.copy(self.row), self.alpha, self.world.clock.now, self.world.gradient_steps
        )
