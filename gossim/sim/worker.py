"""What a worker can do: the verbs in which algorithms are written."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import simpy

from ..errors import RunError
from ..optimizers import Optimizer, OptimizerSettings, optimizer_for
from ..rng import PeerRandom
from ..units import ticks
from .clock import Completion
from .planned_steps import OneStep, Stretch
from .recovery import Recovering
from .timeline import Activity

if TYPE_CHECKING:
    from ..cluster.collectives import Collective
    from .allreduce import AllReduceMean
    from .server import Server
    from .world import World


class Worker(Recovering):
    """One worker of the simulated cluster: its parameters (a row), its weight α (a plain number), its mailbox.

    `index`: its number, from 0. `row`: that of its parameters x. `alpha`: its weight, None without weights. `steps`:
    how many it has taken. `gradients`: how many it has begun. `round`: the algorithm's to count. `rng`: its own random
    numbers, `rng.random()` in [0, 1).

    A verb that takes simulated time returns an event, to be `yield`ed, or is to be `yield from`ed; all others happen at
    this instant. Those of communication are in `gossim.sim.messaging`.
    """

    optimizer: Optimizer | None = None
    stretch: Stretch | None = None
    _listens = False
    # Its own, not the common pool's: rows that change hands would tie the workers' gradients to each other.
    _spare_row: int | None = None

    def __init__(self, world: World, index: int, alpha: Any):
        super().__init__(world, index, alpha)
        settings = world.settings
        if world.learns and settings.optimizer:
            self.optimizer = optimizer_for(settings.optimizer, world.program, self.row, world.clock)
        self.rng = PeerRandom(world.seed, index)
        self.taken = 0  # steps that are told; `steps` is what there is to ask
        self.gradients = 0
        self.activity = Activity(self)
        self.pace = settings.gradient_s(world.seed, index)

    @property
    def steps(self) -> int:
        """Gradient steps that it has taken."""
        if self.stretch is not None:
            self.stretch.settle()
        return self.taken

    def gradient(self, at: int | None = None) -> int:
        """The row of the gradient at the parameters as they are now, or at those in the row `at`, on this worker's next
        minibatch."""
        self._require_idle()
        spare, self._spare_row = self._spare_row, None
        row = self.world.program.rows.allocate() if spare is None else spare
        self.world.program.grad(row, self.row if at is None else at, self.index, self.gradients)
        self.gradients += 1
        self.drafts[row] = None
        return row

    def compute(self) -> simpy.Event:
        """Yielded: the time that one gradient takes this worker. Raises RunError for less than a picosecond."""
        self._require_idle()
        return Completion(self.world.clock, self._end_of_gradient(), self.index)

    def _end_of_gradient(self) -> int:
        """The tick at which a gradient that is begun now is ready."""
        self.activity.enter("computing")
        clock = self.world.clock
        seconds = self.pace(clock.now_s)
        if not ticks(seconds):
            raise RunError(f"a gradient of {seconds} s is shorter than a picosecond, by which the clock counts")
        return clock.now + ticks(seconds)

    def local_steps(self, count: int | None = None) -> Generator[simpy.Event, Any, None]:
        """Take so many steps on its own gradients, or go on for ever."""
        self._listens = False
        while count is None or count > 0:
            steps = self._begin_steps(count)
            yield steps
            taken = self._end_steps(steps)
            count = None if count is None else count - taken

    def local_steps_until(self, probability: float) -> Generator[simpy.Event, Any, bool]:
        """Take steps on its own gradients, at least one, until a random number of its own, drawn after each, is below
        `probability` (True), or there is something in the mailbox (False). Alone, it goes on for ever, undrawn."""
        if self.alone:
            yield from self.local_steps()
        self._listens = True
        while True:
            until, found = self.rng.ahead_until(probability)
            steps = self._begin_steps(1 if self.mailbox else until)
            yield steps
            taken = self._end_steps(steps)
            self.rng.skip(taken)
            if found and taken == until:
                return True
            if self.mailbox:
                return False

    def _begin_steps(self, most: int | None) -> Stretch | OneStep:
        """Begin to take at least one step, and at most so many: as many as can be planned at once. Yielded."""
        self._require_idle()
        plannable = self.world.steps.plannable(self)
        known = min(self.pace.ahead(), most or plannable, plannable) if plannable else 0
        if known:
            self.activity.enter("computing")
            self.stretch = Stretch(self, known)
            return self.stretch
        gradient = self.gradient()
        return OneStep(self, self._end_of_gradient(), gradient)

    def _end_steps(self, steps: Stretch | OneStep) -> int:
        """These steps are over. Returns how many there were."""
        if isinstance(steps, Stretch):
            self.pace.skip(steps.planned)
            return steps.planned
        self.step(steps.gradient)
        return 1

    def _require_idle(self) -> None:
        if self.stretch is not None:
            raise RunError(
                f"worker {self.index} computes a gradient while it takes local steps: only one process at a time can"
            )

    def heard(self) -> None:
        if self.stretch is not None and self._listens:
            self.stretch.cut()

    def stop_stepping(self) -> None:
        if self.stretch is not None:
            taken = self.stretch.abandon()
            self.pace.skip(taken + 1)
            if self._listens:
                self.rng.skip(taken)

    def step(self, gradient: int, own: bool = True, scale: float = 1.0) -> None:
        """One step of the optimizer, at `scale` times its rate, along `gradient`, whose row is given back.

        Counted where the gradient is this worker's `own`, or has it as a part: one that was dropped is no step.
        """
        if self.optimizer:
            self.optimizer.step(gradient, scale)
        self.give_back(gradient)
        if own:
            self.count_step()

    def count_step(self) -> None:
        """A gradient of this worker has moved parameters, here or elsewhere."""
        self.taken += 1
        self.world.steps.stepped()

    def give_back(self, row: int) -> None:
        """Give up `row`: kept for this worker's next gradient if nobody else holds it."""
        rows = self.world.program.rows
        self.drafts.pop(row, None)
        if self._spare_row is None and rows.give_back(row):
            self._spare_row = row
        else:
            rows.release(row)

    @property
    def workers(self) -> int:
        """How many workers there are, this one included."""
        return len(self.world.workers)

    @property
    def counts_for(self) -> float:
        """M n_m/n where workers count by the samples that are their own (`problem.weighting`), otherwise 1."""
        counts_for = self.world.counts_for
        return 1.0 if counts_for is None else counts_for[self.index]

    @property
    def alone(self) -> bool:
        """Whether there is nobody to talk to."""
        return self.workers == 1

    def random_peer(self) -> int | None:
        """A neighbour in the topology, by this worker's own random numbers; None if it has none in this round, which is
        the number of steps that it has taken."""
        return self.world.topology.random_peer(self.index, self.rng.random(), self.steps)

    def random_peers(self, count: int) -> list[int]:
        """So many different neighbours, or all if there are fewer, by this worker's own random numbers."""
        others = list(self.world.topology.neighbours(self.index, self.steps))
        return [others.pop(int(self.rng.random() * len(others))) for _ in range(min(count, len(others)))]

    def allreduce(
        self,
        collective: Collective,
        backup: int = 0,
        reduction_s_per_byte: float = 0.0,
        timeout_s: float | None = None,
        members: Sequence[int] | None = None,
    ) -> AllReduceMean:
        """The all-reduce of `members`, or all workers, the same for each: `yield` what its `arrive` returns."""
        return self.world.allreduce(
            tuple(range(self.workers)) if members is None else tuple(members),
            collective,
            backup=backup,
            reduction_s_per_byte=reduction_s_per_byte,
            timeout_s=timeout_s,
        )

    def take(self, row: int) -> None:
        """x ← `row`, which is dropped."""
        self.combine(self.row, (1.0, row))
        self.drop(row)

    def server(self) -> Server:
        """The server of an algorithm that has one; there is none for a worker that is alone."""
        return self.world.servers[0]

    def optimizer_on(self, row: int, settings: OptimizerSettings) -> Optimizer | None:
        """Another optimizer, for a row that its process holds; None where nothing is learned."""
        if not self.optimizer:
            return None
        optimizer = optimizer_for(settings, self.world.program, row, self.world.clock)
        self.drafts.update(dict.fromkeys(optimizer.rows))
        return optimizer
