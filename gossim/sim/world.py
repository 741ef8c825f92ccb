"""The world: clock, workers, network and ledger of one arm with one seed, and the program that they emit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import RunError
from ..program import INITIAL_ROW, NoProgram, Op, Program
from .activity import Timeline
from .allreduce import AllReduceMean
from .clock import PER_SECOND, Clock, ticks
from .collectives import Collective
from .network import Network, NetworkSettings
from .worker import Worker

if TYPE_CHECKING:
    from ..scenario import Arm


class WorkerFacts(NamedTuple):
    """What the timing plane knows of one worker at a probe; `busy_s` is computing, `waiting_s` all other time."""

    steps: int
    alpha: Any
    busy_s: float
    waiting_s: float


class Facts(NamedTuple):
    """What the timing plane knows at a probe. Weights are None for algorithms without."""

    time_s: float
    gradient_steps: int
    bytes_sent: int
    messages_sent: int
    alpha_in_flight: Any
    workers: tuple[WorkerFacts, ...]


class World:
    """One simulated cluster.

    `message_bytes` is the size of one parameter vector; `gradient_steps` ends the run at the first instant at which
    the workers have taken that many together; `one` is the unit of weight, which a test may set to `Fraction(1)`.
    Where nothing `learns`, the program holds probes only.
    """

    def __init__(
        self,
        settings: Arm,
        seed: int,
        message_bytes: int,
        gradient_steps: int | None = None,
        timeline_limit: int = 0,
        one: Any = 1.0,
        learns: bool = True,
    ):
        self.settings = settings
        self.seed = seed
        self.message_bytes = message_bytes
        self.gradient_steps_limit = math.inf if gradient_steps is None else gradient_steps
        self.gradient_steps = 0
        self.finished = False
        self.clock = Clock()
        self.timeline = Timeline(timeline_limit)
        self.learns = learns
        self.program = Program() if learns else NoProgram()
        self.topology = settings.topology.build(settings.workers, seed)
        # A worker that is alone has no network, and sends nothing through this one.
        links = settings.network or NetworkSettings(latency_s=0.0, bandwidth_bytes_per_s=None)
        self.network = Network(self.clock, links, seed, self.timeline)
        self._allreduce: AllReduceMean | None = None
        algorithm = settings.algorithm
        alpha = one / settings.workers if algorithm.weighted else None
        self.workers = [Worker(self, index, alpha) for index in range(settings.workers)]
        self.program.rows.release(INITIAL_ROW)
        for worker in self.workers:
            self.clock.process(algorithm.worker(worker))
        self._probe_number = 0
        self._probed_at = -1  # by the clock, in ticks
        self._schedule_probe()

    def windows(self, gradients: int, freed_rows: int) -> Iterator[list[Op]]:
        """Run the clock, pausing with the program so far whenever it holds that many gradients, or has freed that many
        rows, which are not used again before the pause."""
        program = self.program
        while not self.finished:
            self.clock.step()
            if program.gradients >= gradients or len(program.rows.freed) >= freed_rows:
                yield program.take()
        yield program.take()

    def stepped(self) -> None:
        """A worker has taken a step; the last one that was asked for ends the run once this instant is over.

        Once it is over, not at once: workers who step at the same instant (all those of a synchronous round) all do.
        """
        self.gradient_steps += 1
        if self.gradient_steps == self.gradient_steps_limit:
            self.clock.after_all(self.clock.now_s, lambda: self._finish(self.clock.now_s))

    def allreduce(self, collective: Collective, backup: int, reduction_s_per_byte: float) -> AllReduceMean:
        """The one in which all workers take part."""
        if self._allreduce is None:
            self._allreduce = AllReduceMean(self, collective, backup, reduction_s_per_byte)
        return self._allreduce

    def staleness(self) -> tuple[float | None, float | None]:
        """Mean age of the parameters in merged messages: gradient steps that all workers together have taken since they
        were sent, and seconds. None where nothing was merged."""
        network = self.network
        if not network.merges:
            return None, None
        return network.merged_steps / network.merges, network.merged_ticks / network.merges / PER_SECOND

    def alpha_in_flight(self) -> Any:
        """The weight inside messages that are not merged yet; None where there are no weights."""
        if not self.settings.algorithm.weighted:
            return None
        return sum(message.alpha for message in self.network.in_flight)

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
                f"'{self.settings.algorithm.name}' is deadlocked"
            )
        self._schedule_probe()

    def _finish(self, time_s: float) -> None:
        if self.finished:
            return
        self.finished = True
        if self.clock.now > self._probed_at:
            self._probe(time_s)
        for worker in self.workers:
            worker.activity.enter("waiting")

    def _probe(self, time_s: float) -> None:
        self._probed_at = self.clock.now
        facts = Facts(
            time_s,
            self.gradient_steps,
            self.network.bytes_sent,
            self.network.messages_sent,
            self.alpha_in_flight(),
            tuple(WorkerFacts(w.steps, w.alpha, w.activity.busy_s, w.activity.waiting_s) for w in self.workers),
        )
        # Of copies: a worker's own row may then be overwritten without waiting for the others to come this far.
        copies = [self.program.copy(worker.row) for worker in self.workers]
        self.program.probe(copies, facts)
        for copy in copies:
            self.program.rows.release(copy)
