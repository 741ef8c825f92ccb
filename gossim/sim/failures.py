"""The life of a worker: its work, its failures and its returns."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any

import simpy

from ..cluster.faults import Outage, outages_of
from ..errors import RunError
from ..units import ticks
from .worker import Worker


def begin(worker: Worker) -> None:
    """Start the worker's process, and with it, where there are any, its failures."""
    context = worker.context
    settings = context.settings
    outages = outages_of(settings.faults, context.seed, worker.index, settings.workers, settings.until.time_s)
    first = next(outages, None)
    if first is None:
        context.clock.process(context.algorithm.worker(worker))
    else:
        context.clock.process(_fail(worker, first, outages))


def _fail(worker: Worker, outage: Outage | None, more: Iterator[Outage]) -> Generator[simpy.Event, Any, None]:
    """Begin the worker's process, and stop and begin it again as its outages say."""
    clock = worker.context.clock
    running = clock.process(_work(worker))
    while outage:
        yield clock.until(max(clock.now, ticks(outage.down_s)))
        if running.is_alive:
            running.interrupt()
        worker.crash(for_good=outage.up_s == math.inf)
        worker.allreduces.crashed(worker)
        if worker.gone:
            if all(other.gone for other in worker.peers.workers):
                raise RunError(f"at {clock.now_s:g} s every worker is down, and none comes back")
            return
        yield clock.until(max(clock.now, ticks(outage.up_s)))
        worker.up, worker.returns = True, outage.parameters
        worker.activity.enter("waiting")
        running = clock.process(_work(worker))
        outage = next(more, None)


def _work(worker: Worker) -> Generator[simpy.Event, Any, None]:
    algorithm = worker.context.algorithm
    try:
        if not algorithm.brings_back:
            yield from worker.come_back()
        for server in worker.peers.servers:
            server.catch_up(worker.index)
        yield from algorithm.worker(worker)
    except simpy.Interrupt:
        """The worker crashed: what its process knew is gone."""
