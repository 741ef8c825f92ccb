"""What a worker can do: the verbs in which algorithms are written.

A worker is built up in layers, each in a file of its own; `Worker` has the verbs of all of them.

| verbs | where |
|---|---|
| `gradient`, `compute`, `compute_unless_newer`, `wait`, `step`, `local_steps`, `local_steps_until` | here |
| `count_step`, `give_back`, `take`, `random_peer`, `random_peers`, `server`, `optimizer_on` | here |
| `allreduce`, `partial_allreduce`, `find_group`, `leave_group` | here |
| `accompany`, `flow`, `move_both` | `gossim.sim.companion.WithCompanion` |
| `ask`, `pull` | `gossim.sim.questions.Asking` |
| `tell`, `gather`, `mix`, `mix_in`, `expect`, `gathered` | `gossim.sim.rounds.Rounds` |
| `follow`, `let_catch_up` | `gossim.sim.rounds.Rounds` |
| `push`, `spread`, `post`, `receive`, `news`, `merge`, `average` | `gossim.sim.messaging.Messaging` |
| `halved`, `use_up_all`, `neighbours`, `weights`, `adopt` | `gossim.sim.messaging.Messaging` |
| `draft`, `drop`, `combine`, `apply`, `pack`, `use_up`, `discard` | `gossim.sim.node.Node` |

What the cluster does with a worker, and no algorithm: `crash`, `come_back`, `begin_alone`, `take_over`
(`gossim.sim.recovery`), `take_in`, `heard` and `stop_stepping`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

from ..cluster.buckets import Overlap
from ..cluster.collectives import Collective
from ..cluster.compute_time import RecordOver
from ..errors import RunError
from ..optimizers import Optimizer, OptimizerSettings, optimizer_for
from ..rng import PeerRandom
from ..units import ticks
from .allreduces import AllReduces
from .clock import Completion
from .companion import WithCompanion
from .context import Context
from .link_sharing import NEVER
from .partial import PartialMean
from .peers import Averaging, Peers
from .planned_steps import OneStep, Stretch
from .timeline import Activity


class Worker(WithCompanion):
    """A worker of the simulated cluster: its parameters (a row), its weight α (a plain number) and its mailbox.

    A verb that takes simulated time either returns an event, which the algorithm yields (`yield w.compute()`), or is
    a generator (`yield from w.local_steps(4)`). All other verbs happen at this instant. The table in
    `gossim.sim.worker` says in which file each verb is.

    `index`: its number, from 0. `row`: the row of its parameters x. `alpha`: its weight; None without weights.
    `steps`: how many steps it has taken. `gradients`: how many gradients it has begun. `round`: a number that the
    algorithm counts. `rng`: its own random numbers; `rng.random()` is in [0, 1). `now_s`: the simulated time, in
    seconds.
    """

    optimizer: Optimizer | None = None
    stretch: Stretch | None = None
    spell = (0, 0)
    """The ticks at which the last `compute` began and ends."""
    _listens = False
    # Its own, not the common pool's: rows that change hands would tie the workers' gradients to each other.
    _spare_row: int | None = None

    def __init__(self, context: Context, index: int, alpha: Any, peers: Peers, allreduces: AllReduces):
        super().__init__(context, index, alpha, peers)
        settings = context.settings
        if context.learns and settings.optimizer:
            self.optimizer = optimizer_for(
                settings.optimizer.of_worker(index), context.program, self.row, context.clock
            )
        self.allreduces = allreduces
        self.rng = PeerRandom(context.seed, index)
        self.taken = 0  # steps that are counted; `steps` is what there is to ask
        self.gradients = 0
        self.activity = Activity(context.timeline, index)
        self.pace = settings.gradient_s(context.seed, index)

    @property
    def steps(self) -> int:
        """How many gradient steps it has taken."""
        if self.stretch is not None:
            self.stretch.settle()
        return self.taken

    def gradient(self, at: int | None = None) -> int:
        """Take a gradient on this worker's next minibatch. It takes no simulated time: `compute` does.

        Args:
            at: The row to take it at, with its content at this instant; by default the worker's parameters.

        Returns:
            The row of the gradient.
        """
        self._require_idle()
        spare, self._spare_row = self._spare_row, None
        row = self.context.program.rows.allocate() if spare is None else spare
        self.context.program.grad(row, self.row if at is None else at, self.index, self.gradients)
        self.gradients += 1
        self.drafts[row] = None
        return row

    def compute(self) -> simpy.Event:
        """Let the time of one gradient pass. Yield it.

        Raises:
            RunError: If that is less than a picosecond.
        """
        self._require_idle()
        ends = self._end_of_gradient()
        self.spell = self.context.clock.now, ends
        return Completion(self.context.clock, ends, self.index)

    def wait(self, seconds: float) -> simpy.Event:
        """Let time pass, whatever the worker does meanwhile. Yield it, as in `yield computed | w.wait(0.1)`."""
        return self.context.clock.wait(seconds)

    def compute_unless_newer(self) -> Generator[simpy.Event, Any, bool]:
        """Let the time of one gradient pass, but stop as soon as newer parameters of a server arrive. Yield from it.

        They are taken over (`adopt`) as they arrive; older ones are thrown away. What comes at the very tick at which
        the gradient ends stops it.

        Returns:
            Whether the gradient is done. If not, the worker has given it up, and its row is to be given back.
        """
        computed = self.compute()
        while True:
            yield computed | self.news()
            if computed.processed:
                return True
            if self.adopt(*self.receive()):
                return False

    def _end_of_gradient(self) -> int:
        """Return the tick at which a gradient that is begun now is ready.

        It is NEVER if the worker's recorded times are over; the run then ends with this instant.
        """
        self.activity.enter("computing")
        clock = self.context.clock
        try:
            seconds = self.pace(clock.now_s)
        except RecordOver:
            self.context.steps.end()
            return NEVER
        if not ticks(seconds):
            raise RunError(f"a gradient of {seconds} s is shorter than a picosecond, by which the clock counts")
        self._computed_s += seconds
        return clock.now + ticks(seconds)

    def local_steps(self, count: int | None = None) -> Generator[simpy.Event, Any, None]:
        """Take steps on its own gradients. To be yielded from.

        Args:
            count: How many; without it the worker goes on for ever.
        """
        self._listens = False
        while count is None or count > 0:
            steps = self._begin_steps(count)
            yield steps
            taken = self._end_steps(steps)
            count = None if count is None else count - taken

    def local_steps_until(self, probability: float) -> Generator[simpy.Event, Any, bool]:
        """Take at least one step on its own gradients, until an event with a probability happens or a message arrives.

        To be yielded from. A random number of the worker's own is drawn after each step. A worker that is alone
        draws none and goes on for ever.

        Args:
            probability: The worker stops after a step if the number drawn is below it.

        Returns:
            True if it stopped at a number drawn, False if there is a message in the mailbox.
        """
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
        """Return the steps that can be planned at once, at least one and at most `most`. To be yielded."""
        self._require_idle()
        plannable = self.context.steps.plannable(self)
        known = min(self.pace.ahead(), most or plannable, plannable) if plannable else 0
        if known:
            self.activity.enter("computing")
            self.stretch = Stretch(self, known)
            return self.stretch
        gradient = self.gradient()
        return OneStep(self, self._end_of_gradient(), gradient)

    def _end_steps(self, steps: Stretch | OneStep) -> int:
        """End these steps and return how many there were."""
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
        """Take one step of the optimizer along a gradient, and give its row back.

        Args:
            gradient: The row of the gradient.
            own: Whether the gradient is this worker's or has it as a part. The step is counted only then.
            scale: Multiplies the learning rate of this step.
        """
        if self.optimizer:
            self.optimizer.step(gradient, scale)
        self.give_back(gradient)
        if own:
            self.count_step()

    def count_step(self) -> None:
        """Count a step of this worker: one of its gradients has moved parameters, here or elsewhere."""
        self.taken += 1
        self.context.steps.stepped(self.index)

    def give_back(self, row: int) -> None:
        """Give up a row. It is kept for this worker's next gradient if nothing else holds it."""
        rows = self.context.program.rows
        self.drafts.pop(row, None)
        if self._spare_row is None and rows.give_back(row):
            self._spare_row = row
        else:
            rows.release(row)

    @property
    def workers(self) -> int:
        """How many workers there are, this one included."""
        return self.context.settings.workers

    @property
    def counts_for(self) -> float:
        """M n_m/n if workers count by the number n_m of their own samples (`problem.weighting`), otherwise 1."""
        counts_for = self.context.counts_for
        return 1.0 if counts_for is None else counts_for[self.index]

    @property
    def alone(self) -> bool:
        """Whether there is only one worker."""
        return self.workers == 1

    def random_peer(self) -> int | None:
        """Draw a neighbour in the topology with this worker's own random numbers.

        The round of a topology that changes over time is the number of steps that the worker has taken.

        Returns:
            The number of the neighbour; None if it has none in this round.
        """
        return self.context.topology.random_peer(self.index, self.rng.random(), self.steps)

    def random_peers(self, count: int) -> list[int]:
        """Draw different neighbours with this worker's own random numbers.

        Args:
            count: How many; all neighbours if there are fewer.

        Returns:
            The numbers of the neighbours.
        """
        others = list(self.context.topology.neighbours(self.index, self.steps))
        return [others.pop(int(self.rng.random() * len(others))) for _ in range(min(count, len(others)))]

    def allreduce(
        self,
        collective: Collective,
        backup: int = 0,
        reduction_s_per_byte: float = 0.0,
        timeout_s: float | None = None,
        members: Sequence[int] | None = None,
        overlap: Overlap | None = None,
    ) -> Averaging:
        """Return an all-reduce, the same object for each of its members. Yield what its `arrive` returns.

        Args:
            collective: How long it takes.
            backup: How many members, the last to arrive, are not waited for.
            reduction_s_per_byte: Time of the sum, added for each byte.
            timeout_s: After how long members that are down are given up; never if None.
            members: Numbers of the workers that take part; by default all.
            overlap: How it overlaps the gradient before it, whose beginning is then given to its `computes`.
        """
        return self.allreduces.among(
            tuple(range(self.workers)) if members is None else tuple(members),
            collective,
            backup=backup,
            reduction_s_per_byte=reduction_s_per_byte,
            timeout_s=timeout_s,
            overlap=overlap,
        )

    def partial_allreduce(self, collective: Collective, majority: bool, size_bytes: int | None = None) -> PartialMean:
        """Return the partial all-reduce of all workers, the same object for each. Yield what its `bring` returns.

        Args:
            collective: How long it takes.
            majority: Whether a worker drawn for each round begins it; otherwise the first to come does.
            size_bytes: Of what is brought, if not of a whole vector.
        """
        return self.allreduces.partial(collective, majority, size_bytes)

    def find_group(
        self, size: int, lead: int | None, collective: Collective, timeout_s: float | None = None
    ) -> simpy.Event:
        """Be given a random group to average with, of those that have none. To be yielded; it takes no time.

        Args:
            size: Of the groups.
            lead: Those more than this many rounds behind the worker that asks are given no group; None: nobody is.
            collective: How long its average takes.
            timeout_s: After how long members that are down are given up; never if None.

        Returns:
            An event whose value is the all-reduce of the group. It is the worker's until it calls `leave_group`.
        """
        self.activity.enter("waiting")
        return self.allreduces.groups.ask(self, size, lead, collective, timeout_s)

    def leave_group(self) -> None:
        """Have no group any more."""
        self.allreduces.groups.leave(self)

    def take(self, row: int) -> None:
        """Take over the parameters in a row: x ← `row`. The row is dropped."""
        self.combine(self.row, (1.0, row))
        self.drop(row)

    def server(self) -> int:
        """Return the number of the algorithm's server, to `ask`. A worker that is alone has none."""
        return self.workers

    def optimizer_on(self, row: int, settings: OptimizerSettings) -> Optimizer | None:
        """Return another optimizer, for a row that the algorithm holds; None if nothing is learned."""
        if not self.optimizer:
            return None
        optimizer = optimizer_for(settings.of_worker(self.index), self.context.program, row, self.context.clock)
        self.drafts.update(dict.fromkeys(optimizer.rows))
        return optimizer
