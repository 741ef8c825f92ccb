"""The world: clock, workers, network and ledger of one arm with one seed, and the program that they emit."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any

import simpy

from ..cluster.collectives import Collective
from ..cluster.faults import Outage, outages_of
from ..cluster.network import NetworkSettings
from ..errors import RunError
from ..program import INITIAL_ROW, NoProgram, Op, Program
from ..settings import Settings
from ..units import ticks
from .allreduce import AllReduceMean
from .clock import Clock
from .network import Network
from .peers import DistributedAlgorithm
from .probe_facts import Facts, by_worker
from .server import Server
from .step_count import Steps
from .ties import Lottery, Ties, Turns
from .timeline import Timeline
from .traffic import total
from .watches import Watches
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
        self.settings = settings
        self.algorithm = algorithm
        self.seed = seed
        self.message_bytes = message_bytes
        self.finished = False
        self.clock = Clock()
        self.watches = Watches(self.clock)
        self.ties = Ties(seed)
        self.turns = Turns(self.clock, self.ties)
        self.lottery = Lottery(self.clock, self.ties)
        self.timeline = Timeline(timeline_limit)
        self.learns = learns
        self.counts_for: list[float] | None = None  # by worker, where they count by their samples
        if learns and settings.problem is not None and settings.problem.weighting == "samples":
            counts = settings.problem.sample_counts(settings.workers, seed)
            self.counts_for = [settings.workers * count / sum(counts) for count in counts]
        self.program = Program() if learns else NoProgram()
        self.topology = settings.topology.build(settings.workers, seed)
        # A worker that is alone has no network, and sends nothing through this one.
        links = settings.network or NetworkSettings(latency_s=0.0, bandwidth_bytes_per_s=None)
        devices = settings.trace.devices() if settings.trace else ()
        self.network = Network(self.clock, links, seed, self.timeline, self.program.rows.release, devices)
        self._weights_due = 0
        self.steps = Steps(self.clock, self.network, self.timeline, gradient_steps, stepwise, self._finish)
        self.groups: dict[tuple[int, ...], AllReduceMean] = {}
        alpha = one / settings.workers if algorithm.weighted else None
        self.workers = [Worker(self, index, alpha) for index in range(settings.workers)]
        self.steps.workers = self.workers
        # A worker that is alone needs no server.
        servers = algorithm.servers if settings.workers > 1 else 0
        self.servers = [Server(self, settings.workers + number) for number in range(servers)]
        if not settings.faults:  # a worker that comes back may need it
            self.program.rows.release(INITIAL_ROW)
        for worker in self.workers:
            self._begin(worker)
        self._probe_number = 0
        self._probed_at = -1  # by the clock, in ticks
        self._schedule_probe()

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
        """That all workers have taken together, as far as they are told."""
        return self.steps.taken

    def allreduce(self, members: tuple[int, ...], collective: Collective, **more: Any) -> AllReduceMean:
        """The one in which these workers take part."""
        if members not in self.groups:
            self.groups[members] = AllReduceMean(self, collective, members=members, **more)
        return self.groups[members]

    def staleness(self) -> tuple[float | None, float | None]:
        """Mean age of the parameters in merged messages: gradient steps that all workers together have taken since they
        were sent, and seconds. None where nothing was merged."""
        return total(self.network.exchanges.values()).staleness()

    def alpha_in_flight(self) -> Any:
        """The weight inside messages that are not merged yet; None where there are no weights."""
        if not self.algorithm.weighted:
            return None
        return sum(message.alpha for message in self.network.in_flight) * self.network.unit

    def enlarge_weights(self) -> None:
        """Where so much weight was lost that nobody has much, write all that is left in a smaller unit: only their
        ratios count, and these stay, to the bit."""
        if self.gradient_steps < self._weights_due:
            return
        holders: list[Any] = [*self.workers, *self.network.in_flight]
        self._weights_due = self.gradient_steps + len(holders)  # so that looking costs no more than the steps
        total = sum(float(holder.alpha) for holder in holders)
        if isinstance(holders[0].alpha, float) and 0 < total < 2.0**-100:
            factor = 2.0 ** -math.frexp(total)[1]
            self.network.unit /= factor
            for holder in holders:
                holder.alpha *= factor

    def _begin(self, worker: Worker) -> None:
        """Start the worker's process, and with it, where there are any, its failures."""
        settings = self.settings
        outages = outages_of(settings.faults, self.seed, worker.index, settings.workers, settings.until.time_s)
        first = next(outages, None)
        if first is None:
            self.clock.process(self.algorithm.worker(worker))
        else:
            self.clock.process(self._fail(worker, first, outages))

    def _fail(self, worker: Worker, outage: Outage | None, more: Iterator[Outage]) -> Generator[simpy.Event, Any, None]:
        """Begin the worker's process, and stop and begin it again as its outages say."""
        clock = self.clock
        running = clock.process(self._work(worker))
        while outage:
            yield clock.until(max(clock.now, ticks(outage.down_s)))
            if running.is_alive:
                running.interrupt()
            worker.crash(for_good=outage.up_s == math.inf)
            for group in list(self.groups.values()):
                group.crashed(worker)
            if worker.gone:
                if all(other.gone for other in self.workers):
                    raise RunError(f"at {clock.now_s:g} s every worker is down, and none comes back")
                return
            yield clock.until(max(clock.now, ticks(outage.up_s)))
            worker.up, worker.returns = True, outage.parameters
            worker.activity.enter("waiting")
            running = clock.process(self._work(worker))
            outage = next(more, None)

    def _work(self, worker: Worker) -> Generator[simpy.Event, Any, None]:
        algorithm = self.algorithm
        try:
            if not algorithm.brings_back:
                yield from worker.come_back()
            yield from algorithm.worker(worker)
        except simpy.Interrupt:
            """The worker crashed: what its process knew is gone."""

    def _schedule_probe(self) -> None:
        # From the probe's number, not by adding up: the times are the same floats in every arm and seed.
        time_s = self._probe_number * self.settings.probe.every_s
        end_s = math.inf if self.settings.until.time_s is None else self.settings.until.time_s
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
                f"'{self.algorithm.name}' is deadlocked"
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
            self.network.messages_sent,
            self.alpha_in_flight(),
            self.network.alpha_lost if self.algorithm.weighted else None,
            by_worker(self.workers, self.network.unit, self.algorithm.weighted),
            bool(self.servers),
            self.counts_for,
        )
        self.program.probe_copies((node.row for node in (*self.workers, *self.servers)), facts)
