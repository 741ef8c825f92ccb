"""Collective operations: all workers take part, nobody leaves before everybody has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import simpy

if TYPE_CHECKING:
    from .worker import Worker
    from .world import World


class Cost(NamedTuple):
    """Of one all-reduce over all workers together."""

    seconds: float
    messages: int
    size_bytes: int


def ring(workers: int, size_bytes: int, latency_s: float, bandwidth_bytes_per_s: float) -> Cost:
    """Ring all-reduce: 2(M−1) rounds, in each of which every worker passes on one M-th of the vector.

    Time 2(M−1)·latency + 2(M−1)/M · bytes/bandwidth; every worker sends 2(M−1)/M of the vector.
    Source: Patarasuk and Yuan 2009 (doi:10.1016/j.jpdc.2008.09.002), without the cost of the additions.
    """
    rounds = 2 * (workers - 1)
    seconds = rounds * latency_s + rounds / workers * size_bytes / bandwidth_bytes_per_s
    return Cost(seconds, rounds * workers, rounds * size_bytes)


COLLECTIVES: dict[str, Callable[[int, int, float, float], Cost]] = {"ring": ring}


class AllReduceMean:
    """A barrier, then the collective: every worker brings a row and gets the row of their mean.

    The round lasts from the last arrival until the collective's time has passed. Where links differ in latency the
    slowest link between neighbours sets the pace, as it does in a ring whose rounds wait for each other.
    """

    def __init__(self, world: World, collective: str):
        self.world = world
        workers = len(world.workers)
        network = world.network
        latency_s = max(network.latency_s(m, (m + 1) % workers) for m in range(workers)) if workers > 1 else 0.0
        self.cost = COLLECTIVES[collective](workers, world.message_bytes, latency_s, network.bandwidth_bytes_per_s)
        self._begin_round()

    def arrive(self, worker: Worker, row: int) -> simpy.Event:
        """`worker` brings `row` and gives it up. The event's value is the row of the mean, held once by each."""
        worker.activity.enter("waiting")
        self.arrived.append((worker, row))
        done = self.done
        if len(self.arrived) == len(self.world.workers):
            self._reduce()
            self._begin_round()
        return done

    def _begin_round(self) -> None:
        self.arrived: list[tuple[Worker, int]] = []
        self.done = self.world.clock.event()

    def _reduce(self) -> None:
        program, share = self.world.program, 1 / len(self.arrived)
        mean = program.rows.allocate()
        # In the order of the workers, not of their arrival: the sum's rounding must not depend on who was late.
        self.arrived.sort(key=lambda arrival: arrival[0].index)
        program.combine(mean, [(share, row) for _, row in self.arrived])
        program.rows.hold(mean, len(self.arrived) - 1)
        for worker, row in self.arrived:
            worker.activity.enter("sending")
            worker.give_back(row)
        self.world.network.count(self.cost.messages, self.cost.size_bytes)
        done = self.done
        self.world.clock.after(self.cost.seconds, lambda: done.succeed(mean))
