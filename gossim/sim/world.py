"""The world: clock, workers, network and ledger of one arm with one seed, and the program that they emit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..errors import RunError
from ..program import INITIAL_ROW, Op
from ..settings import Settings
from ..units import ticks
from .allreduces import AllReduces
from .context import Context
from .failures import begin
from .peers import DistributedAlgorithm, Peers
from .probe_facts import Facts, by_worker
from .server import Server
from .traffic import total
from .worker import Worker


class World:
    """One simulated cluster, under these `settings`, whose workers run `algorithm`.

    `message_bytes` is the size of one parameter vector; `gradient_steps` ends the run at the first instant at which
    the workers have taken that many together; `one` is the unit of weight, which a test may set to `Fraction(1)`.
    Where nothing `learns`, the program holds probes only. With `stepwise` every step is an event of its own, and in the
    program when it happens; otherwise steps between exchanges may be planned together (`gossim.sim.planned_steps`).
    """

    def __init__(
        self,
        settings: Settings,
        algorithm: DistributedAlgorithm,
        seed: int,
        message_bytes: int,
        gradient_steps: int | None = None,
        timeline_limit: int = 0,
        one: Any = 1.0,
        learns: bool = True,
        stepwise: bool = False,
    ):
        self.context = Context(
            settings,
            algorithm,
            seed,
            message_bytes,
            learns=learns,
            stepwise=stepwise,
            gradient_steps=gradient_steps,
            timeline_limit=timeline_limit,
            finish=self._finish,
        )
        self.clock, self.program = self.context.clock, self.context.program
        self.network, self.steps, self.timeline = self.context.network, self.context.steps, self.context.timeline
        self.finished = False
        self.workers: list[Worker] = []
        self.servers: list[Server] = []
        self.allreduces = AllReduces(self.context, self.workers)
        self._build(one)
        if not settings.faults:  # a worker that comes back may need it
            self.program.rows.release(INITIAL_ROW)
        for worker in self.workers:
            begin(worker)
        self._probe_number = 0
        self._probed_at = -1  # by the clock, in ticks
        self._schedule_probe()

    def _build(self, one: Any) -> None:
        context, settings, algorithm = self.context, self.context.settings, self.context.algorithm
        peers = Peers(self.workers, self.servers)
        alpha = one / settings.workers if algorithm.weighted else None
        self.workers += [Worker(context, index, alpha, peers, self.allreduces) for index in range(settings.workers)]
        self.steps.workers = self.workers
        # A worker that is alone needs no server.
        servers = algorithm.servers if settings.workers > 1 else 0
        self.servers += [Server(context, settings.workers + number, peers) for number in range(servers)]

    def windows(self, gradients: int, freed_rows: int) -> Iterator[list[Op]]:
        """Run the clock, pausing with the program so far whenever it `is_full`. Rows that were freed are not used again
        before the pause. Raises RunError where the run breaks off, after a window with what came before."""
        program = self.program
        while not self.finished:
            try:
                self.clock.step()
            except RunError:
                yield program.take()  # what was probed until then is recorded, wherever windows end
                raise
            if program.is_full(gradients, freed_rows):
                self.steps.settle()
                yield program.take()
        yield program.take()

    @property
    def gradient_steps(self) -> int:
        """Steps that all workers have taken together, as far as they have been counted."""
        return self.steps.taken

    def staleness(self) -> tuple[float | None, float | None]:
        """Return the mean age of the parameters in merged messages: gradient steps of all workers since they were sent,
        and seconds. None if no message was merged.
        """
        return total(self.network.exchanges.values()).staleness()

    def alpha_in_flight(self) -> Any:
        """Return the weight in messages that are not merged yet, or None without weights."""
        if not self.context.algorithm.weighted:
            return None
        return sum(message.alpha for message in self.network.in_flight) * self.network.unit

    def _schedule_probe(self) -> None:
        # From the probe's number, not by adding up: the times are the same floats in every arm and seed.
        time_s = self._probe_number * self.context.settings.probe.every_s
        end_s = math.inf if self.context.settings.until.time_s is None else self.context.settings.until.time_s
        self._probe_number += 1
        if ticks(time_s) < (math.inf if end_s == math.inf else ticks(end_s)):
            self.clock.after_all(time_s, lambda: self._probe_and_go_on(time_s))
        else:
            self.clock.after_all(end_s, lambda: self._finish(end_s))

    def _probe_and_go_on(self, time_s: float) -> None:
        self._probe(time_s)
        if self.clock.peek() == math.inf:
            raise RunError(
                f"at {time_s:g} s every worker waits and nothing is left to happen: the algorithm "
                f"'{self.context.algorithm.name}' is deadlocked"
            )
        self._schedule_probe()

    def _finish(self, time_s: float) -> None:
        if self.finished:
            return
        self.finished = True
        if self.clock.now > self._probed_at:
            self._probe(time_s)
        for worker in self.workers:
            worker.activity.enter(worker.activity.kind)

    def _probe(self, time_s: float) -> None:
        self._probed_at = self.clock.now
        self.steps.reckon()
        facts = Facts(
            time_s,
            self.gradient_steps,
            self.network.bytes_sent,
            self.network.bytes_carried,
            self.network.messages_sent,
            self.alpha_in_flight(),
            self.network.alpha_lost if self.context.algorithm.weighted else None,
            by_worker(self.workers, self.network.unit, self.context.algorithm.weighted),
            bool(self.servers),
            self.context.counts_for,
        )
        self.program.probe_copies((node.row for node in (*self.workers, *self.servers)), facts)
