"""What a worker can do: the verbs in which algorithms are written.

A worker is built up in layers, each in a file of its own; `Worker` has the verbs of all of them.

| verbs | where |
|---|---|
| `gradient`, `compute`, `step`, `local_steps`, `local_steps_until`, `count_step`, `give_back`, `take` | here |
| `random_peer`, `random_peers`, `server`, `allreduce`, `optimizer_on` | here |
| `ask`, `pull` | `gossim.sim.questions.Asking` |
| `tell`, `gather`, `mix`, `expect`, `gathered` | `gossim.sim.rounds.Rounds` |
| `push`, `spread`, `post`, `receive`, `merge`, `average`, `halved`, `use_up_all` | `gossim.sim.messaging.Messaging` |
| `neighbours`, `weights` | `gossim.sim.messaging.Messaging` |
| `draft`, `drop`, `combine`, `apply`, `pack`, `use_up`, `discard` | `gossim.sim.node.Node` |

What the cluster does with a worker, and no algorithm: `crash`, `come_back`, `begin_alone`, `take_over`
(`gossim.sim.recovery`), `take_in`, `heard` and `stop_stepping`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

from ..cluster.collectives import Collective
from ..cluster.compute_time import RecordOver
from ..errors import RunError
from ..optimizers import Optimizer, OptimizerSettings, optimizer_for
from ..rng import PeerRandom
from ..units import ticks
from .allreduce import AllReduceMean, AllReduces
from .clock import Completion
from .context import Context
from .link_sharing import NEVER
from .peers import Peers
from .planned_steps import OneStep, Stretch
from .recovery import Recovering
from .timeline import Activity


class Worker(Recovering):
    """One worker of the simulated cluster: its parameters (a row), its weight α (a plain number), its mailbox.

    `index`: its number, from 0. `row`: that of its parameters x. `alpha`: its weight, None without weights. `steps`:
    how many it has taken. `gradients`: how many it has begun. `round`: the algorithm's to count. `rng`: its own random
    numbers, `rng.random()` in [0, 1). `now_s`: the time.

    A verb that takes simulated time returns an event, to be `yield`ed, or is to be `yield from`ed; all others happen at
    this instant. `gossim.sim.worker` says where each verb stands.
    """

    optimizer: Optimizer | None = None
    stretch: Stretch | None = None
    _listens = False
    # Its own, not the common pool's: rows that change hands would tie the workers' gradients to each other.
    _spare_row: int | None = None

    def __init__(self, context: Context, index: int, alpha: Any, peers: Peers, allreduces: AllReduces):
        super().__init__(context, index, alpha, peers)
        settings = context.settings
        if context.learns and settings.optimizer:
            self.optimizer = optimizer_for(settings.optimizer, context.program, self.row, context.clock)
        self.allreduces = allreduces
        self.rng = PeerRandom(context.seed, index)
        self.taken = 0  # steps that are counted; `steps` is what there is to ask
        self.gradients = 0
        self.activity = Activity(context.timeline, index)
        self.pace = settings.gradient_s(context.seed, index)

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
        row = self.context.program.rows.allocate() if spare is None else spare
        self.context.program.grad(row, self.row if at is None else at, self.index, self.gradients)
        self.gradients += 1
        self.drafts[row] = None
        return row

    def compute(self) -> simpy.Event:
        """Yielded: the time that one gradient takes this worker. Raises RunError for less than a picosecond."""
        self._require_idle()
        return Completion(self.context.clock, self._end_of_gradient(), self.index)

    def _end_of_gradient(self) -> int:
        """The tick at which a gradient that is begun now is ready; NEVER if its recorded times are over, as the run is
        then, once this instant is."""
        self.activity.enter("computing")
        clock = self.context.clock
        try:
            seconds = self.pace(clock.now_s)
        except RecordOver:
            self.context.steps.end()
            return NEVER
        if not ticks(seconds):
            raise RunError(f"a gradient of {seconds} s is shorter than a picosecond, by which the clock counts")
        return clock.now + ticks(seconds)

    def local_steps(self, count: int | None = None) -> Generator[simpy.Event, Any, None]:
        """Take that many steps on its own gradients, or go on for ever."""
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
        """Begin the steps that can be planned at once: at least one, and at most the given number. Yielded."""
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
        self.context.steps.stepped(self.index)

    def give_back(self, row: int) -> None:
        """Give up `row`: kept for this worker's next gradient if nobody else holds it."""
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
        """M n_m/n where workers count by the samples that are their own (`problem.weighting`), otherwise 1."""
        counts_for = self.context.counts_for
        return 1.0 if counts_for is None else counts_for[self.index]

    @property
    def alone(self) -> bool:
        """Whether there is nobody to talk to."""
        return self.workers == 1

    def random_peer(self) -> int | None:
        """A neighbour in the topology, by this worker's own random numbers; None if it has none in this round, which is
        the number of steps that it has taken."""
        return self.context.topology.random_peer(self.index, self.rng.random(), self.steps)

    def random_peers(self, count: int) -> list[int]:
        """Draw `count` different neighbours, or all if there are fewer, with this worker's own random numbers."""
        others = list(self.context.topology.neighbours(self.index, self.steps))
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
        return self.allreduces.among(
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

    def server(self) -> int:
        """Return the number of the server, to `ask`, of an algorithm that has one; a worker that is alone has none."""
        return self.workers

    def optimizer_on(self, row: int, settings: OptimizerSettings) -> Optimizer | None:
        """Another optimizer, for a row that its process holds; None where nothing is learned."""
        if not self.optimizer:
            return None
        optimizer = optimizer_for(settings, self.context.program, row, self.context.clock)
        self.drafts.update(dict.fromkeys(optimizer.rows))
        return optimizer
