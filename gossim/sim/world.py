"""The world: clock, workers, network and ledger of one arm with one seed, and the program that they emit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import simpy

from ..errors import RunError
from ..program import INITIAL_ROW, Op, Program
from .activity import Timeline
from .collectives import AllReduceMean
from .network import Network, NetworkSettings
from .topology import TOPOLOGIES
from .worker import Worker

if TYPE_CHECKING:
    from ..scenario import Arm


class AfterAll(simpy.Event):
    """Calls `act` at `time_s`, when everything else of that instant is over."""

    PRIORITY = 2  # SimPy's own events have 0 (urgent) and 1 (normal)

    def __init__(self, env: simpy.Environment, time_s: float, act: Callable[[], Any]):
        super().__init__(env)
        self._ok, self._value = True, None
        self.callbacks = [lambda _: act()]
        env.schedule(self, self.PRIORITY, max(0.0, time_s - env.now))  # type: ignore[arg-type]


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
    """

    def __init__(
        self,
        settings: Arm,
        seed: int,
        message_bytes: int,
        gradient_steps: int | None = None,
        timeline_limit: int = 0,
        one: Any = 1.0,
    ):
        self.settings = settings
        self.seed = seed
        self.message_bytes = message_bytes
        self.gradient_steps_limit = math.inf if gradient_steps is None else gradient_steps
        self.gradient_steps = 0
        self.finished = False
        self.env = simpy.Environment()
        self.timeline = Timeline(timeline_limit)
        self.program = Program(slack=settings.workers)
        self.topology = TOPOLOGIES[settings.topology](settings.workers)
        # A worker that is alone has no network, and sends nothing through this one.
        links = settings.network or NetworkSettings(latency_s=0.0, bandwidth_bytes_per_s=None)
        self.network = Network(self.env, links, seed, self.timeline)
        self._collectives: dict[str, AllReduceMean] = {}
        algorithm = settings.algorithm
        alpha = one / settings.workers if algorithm.weighted else None
        self.workers = [Worker(self, index, alpha) for index in range(settings.workers)]
        self.program.rows.release(INITIAL_ROW)
        for worker in self.workers:
            self.env.process(algorithm.worker(worker))
        self._probe_number = 0
        self._probed_at = -math.inf  # by the clock, which may miss the probe's nominal time by a rounding
        self._schedule_probe()

    def windows(self, operations: int) -> Iterator[list[Op]]:
        """Run the clock, pausing with the program so far whenever it holds that many operations."""
        while not self.finished:
            self.env.step()
            if len(self.program.ops) >= operations:
                yield self.program.take()
        yield self.program.take()

    def stepped(self) -> None:
        """A worker has taken a step; the last one that was asked for ends the run once this instant is over.

        Once it is over, not at once: workers who step at the same instant (all those of a synchronous round) all do.
        """
        self.gradient_steps += 1
        if self.gradient_steps == self.gradient_steps_limit:
            AfterAll(self.env, self.env.now, lambda: self._finish(self.env.now))

    def allreduce(self, collective: str) -> AllReduceMean:
        if collective not in self._collectives:
            self._collectives[collective] = AllReduceMean(self, collective)
        return self._collectives[collective]

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
        if time_s < end_s and not math.isclose(time_s, end_s, rel_tol=1e-9):
            AfterAll(self.env, time_s, lambda: self._probe_and_go_on(time_s))
        else:
            AfterAll(self.env, end_s, lambda: self._finish(end_s))

    def _probe_and_go_on(self, time_s: float) -> None:
        self._probe(time_s)
        if self.env.peek() == math.inf:
            raise RunError(
                f"at {time_s:g} s every worker waits and nothing is left to happen: the algorithm "
                f"'{self.settings.algorithm.name}' is deadlocked"
            )
        self._schedule_probe()

    def _finish(self, time_s: float) -> None:
        if self.finished:
            return
        self.finished = True
        if self.env.now > self._probed_at:
            self._probe(time_s)
        for worker in self.workers:
            worker.activity.enter("waiting")

    def _probe(self, time_s: float) -> None:
        self._probed_at = self.env.now
        facts = Facts(
            time_s,
            self.gradient_steps,
            self.network.bytes_sent,
            self.network.messages_sent,
            self.alpha_in_flight(),
            tuple(self._worker_facts(worker, time_s) for worker in self.workers),
        )
        self.program.probe([worker.row for worker in self.workers], facts)

    @staticmethod
    def _worker_facts(worker: Worker, time_s: float) -> WorkerFacts:
        busy_s = worker.activity.spent_s("computing")
        return WorkerFacts(worker.steps, worker.alpha, busy_s, max(0.0, time_s - busy_s))
