"""All-reduce as it happens: a barrier, then the collective."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from .collectives import Collective, Link, RingEvents

if TYPE_CHECKING:
    from .worker import Worker
    from .world import World


class Round:
    """One all-reduce: who has come with which row, whether it is `closed` to those who come later, whether `done`."""

    def __init__(self, world: World):
        self.arrived: list[tuple[Worker, int]] = []
        self.closed, self.done = world.clock.event(), world.clock.event()


class AllReduceMean:
    """Every worker brings a row and gets the row of the mean of those that were brought in time; `round` is the one for
    workers that begin a gradient now.

    A round closes when all workers but `backup` have come; it is over when the collective's time has passed since.
    A formula takes one latency: the mean over the links of the ring, for what is sent passes every one of them.
    """

    def __init__(self, world: World, collective: Collective, backup: int, reduction_s_per_byte: float):
        self.world = world
        self.collective = collective
        self.needed = len(world.workers) - backup
        network, workers = world.network, len(world.workers)
        latencies = [network.latency_s(m, (m + 1) % workers) for m in range(workers)] if workers > 1 else [0.0]
        link = Link(sum(latencies) / len(latencies), 1 / network.bandwidth_bytes_per_s, reduction_s_per_byte)
        self.cost = collective.cost(workers, world.message_bytes, link)
        self.reduction_s = (workers - 1) / workers * world.message_bytes * reduction_s_per_byte
        self.round = Round(world)

    def arrive(self, now: Round, worker: Worker, row: int) -> simpy.Event:
        """`worker` brings `row` to the round `now`, and gives it up; the event's value is the row of the mean, held
        once by each. A row that comes when the round is closed is of no use any more.
        """
        if now.closed.triggered:
            worker.give_back(row)
            worker.activity.enter("sending")
            return now.done
        worker.activity.enter("waiting")
        now.arrived.append((worker, row))
        if len(now.arrived) == self.needed:
            self._close(now)
        return now.done

    def _close(self, now: Round) -> None:
        program, share = self.world.program, 1 / len(now.arrived)
        mean = program.rows.allocate()
        # In the order of the workers, not of their arrival: the sum's rounding must not depend on who was late.
        now.arrived.sort(key=lambda arrival: arrival[0].index)
        program.combine(mean, [(share, row) for _, row in now.arrived])
        program.rows.hold(mean, len(self.world.workers) - 1)
        for worker, row in now.arrived:
            worker.activity.enter("sending")
            worker.give_back(row)
        now.closed.succeed()
        self.world.network.count(self.cost.messages, self.cost.size_bytes)
        if isinstance(self.collective, RingEvents) and len(self.world.workers) > 1:
            self.world.clock.process(self._round_of_messages(mean))
        else:
            self.world.clock.after(self.cost.seconds, lambda: self._finish(mean))

    def _finish(self, mean: int) -> None:
        now, self.round = self.round, Round(self.world)
        now.done.succeed(mean)

    def _round_of_messages(self, mean: int) -> Generator[simpy.Event, Any, None]:
        clock, workers = self.world.clock, len(self.world.workers)
        rounds = 2 * (workers - 1)
        came = [[clock.event() for _ in range(rounds)] for _ in range(workers)]
        yield clock.all_of([clock.process(self._passing_on(m, came)) for m in range(workers)])
        yield clock.wait(self.reduction_s)
        self._finish(mean)

    def _passing_on(self, member: int, came: list[list[simpy.Event]]) -> Generator[simpy.Event, Any, None]:
        """Each round: send a chunk on, and wait for the one from behind."""
        network, workers = self.world.network, len(self.world.workers)
        chunk_s = self.world.message_bytes / workers / network.bandwidth_bytes_per_s
        following = (member + 1) % workers
        for number, event in enumerate(came[member]):
            arrives = came[following][number]
            self.world.clock.after(network.latency_s(member, following) + chunk_s, arrives.succeed)
            yield event
