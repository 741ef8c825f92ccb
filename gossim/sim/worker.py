"""What a worker can do: the verbs in which algorithms are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import simpy

from ..errors import RunError
from ..optimizers import optimizer_for
from ..program import INITIAL_ROW
from ..rng import PeerRandom
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
        self._compute_s = settings.compute.pace(world.seed, index, settings.workers)
        # Its own, not the common pool's: rows that change hands would tie the workers' gradients to each other.
        self._spare_rows: list[int] = []

    def gradient(self) -> int:
        """The row of the gradient at the parameters as they are now, on this worker's next minibatch."""
        row = self._spare_rows.pop() if self._spare_rows else self.world.program.rows.allocate()
        self.world.program.grad(row, self.row, self.index, self.gradients)
        self.gradients += 1
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

    def random_peer(self) -> int:
        """One of the other workers, by this worker's own random numbers."""
        return self.world.topology.random_peer(self.index, self.rng.random())

    def push(self, peer: int) -> None:
        """Halve α and send (x, α) to `peer`: α_s ← α_s/2. Does not wait."""
        receiver = self.world.workers[peer]
        self.world.network.send(
            self._halve(peer), self.world.message_bytes, lambda message: receiver.mailbox.append(message)
        )

    def receive(self) -> list[Message]:
        """What has arrived since the last call, in order of arrival."""
        arrived, self.mailbox = self.mailbox, []
        return arrived

    def pull(self, peer: int) -> simpy.Event:
        """Ask `peer` for its x and half of its α, and wait for the answer: the event's value is a `Message`.

        The request takes the link's latency; `peer` answers the moment it arrives, whatever it is doing then.
        """
        self.activity.enter("waiting")
        network, answered = self.world.network, self.world.clock.event()

        def answer() -> None:
            message = self.world.workers[peer]._halve(self.index)
            network.send(message, self.world.message_bytes, answered.succeed)

        self.world.clock.after(network.latency_s(self.index, peer), answer)
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
        program.rows.release(message.row)
        self.world.network.merged(message, self.world.gradient_steps)

    def allreduce(self, collective: Collective, backup: int = 0, reduction_s_per_byte: float = 0.0) -> AllReduceMean:
        """The all-reduce of all workers, the same for each: `yield` what its `arrive` returns."""
        return self.world.allreduce(collective, backup, reduction_s_per_byte)

    def _halve(self, receiver: int) -> Message:
        program = self.world.program
        self.alpha = self.alpha / 2
        return Message(
            self.index, receiver, program.copy(self.row), self.alpha, self.world.clock.now, self.world.gradient_steps
        )
