"""A partial all-reduce: a sum of what is there when it begins, for all."""

from __future__ import annotations

from collections.abc import Sequence

import simpy

from ..cluster.collectives import Collective
from ..rng import Purpose, stream
from .collective_run import CollectiveRun
from .context import Context
from .peers import Member


class PartialMean:
    """Gradients are brought as they come; a round sums up those that are there, over the number of all members, and
    all members step along it at its end, whatever they are doing. What comes later is for the next round.

    A round begins, at the end of the tick, when nobody is in one and the worker that begins it has come since the last:
    with `majority` one that is drawn for each round, otherwise any. So half of them have come in the mean, or one.
    Nobody may fail.
    """

    def __init__(
        self,
        context: Context,
        members: Sequence[Member],
        collective: Collective,
        majority: bool,
        size_bytes: int | None = None,
    ):
        self.context = context
        self.members = members
        self.collective = CollectiveRun(context, collective, 0.0)
        self.majority = majority
        self.size_bytes = size_bytes
        self._brought: dict[Member, list[int]] = {}
        self._waiting: dict[Member, simpy.Event] = {}
        self._missed: set[Member] = set()  # those for whom a round has ended while they computed
        self._under_way = self._due = False
        self._number = 0

    def bring(self, worker: Member, row: int) -> simpy.Event:
        """`worker` has a gradient, and gives up its row. Returns an event that occurs when a round has ended since it
        was last here."""
        worker.drafts.pop(row, None)
        self._brought.setdefault(worker, []).append(row)
        ended = self.context.clock.event()
        if worker in self._missed:
            self._missed.remove(worker)
            return ended.succeed()
        worker.activity.enter("sending" if self._under_way else "waiting")
        self._waiting[worker] = ended
        self._look()
        return ended

    def _look(self) -> None:
        if not self._under_way and not self._due:
            self._due = True
            self.context.clock.at_deadline(0, self._begin)

    def _begin(self) -> None:
        self._due = False
        first = self._first()
        if first is not None and first not in self._waiting:
            return
        self._under_way = True
        for worker in self._waiting:
            worker.activity.enter("sending")
        # In the order of the workers, not of their arrival: the sum's rounding must not depend on who was late.
        brought = [(worker, row) for worker in self.members for row in self._brought.pop(worker, [])]
        program = self.context.program
        mean = program.rows.allocate()
        program.combine(mean, [(1 / len(self.members), row) for _, row in brought])
        for worker, row in brought:
            worker.give_back(row)
        contributors = [worker for worker, _ in brought]
        members = [worker.index for worker in self.members]
        self.collective.begin(members, 0.0, lambda: self._end(mean, contributors), self.size_bytes)

    def _first(self) -> Member | None:
        """Return the worker that begins this round; None if any may."""
        if not self.majority:
            return None
        drawn = stream(self.context.seed, Purpose.INITIATOR, self._number).integers(len(self.members))
        return self.members[int(drawn)]

    def _end(self, mean: int, contributors: Sequence[Member]) -> None:
        self._under_way = False
        self._number += 1
        rows = self.context.program.rows
        rows.hold(mean, len(self.members))
        for worker in self.members:
            worker.step(mean, own=False)
        rows.release(mean)
        for worker in contributors:
            worker.count_step()
        waiting, self._waiting = self._waiting, {}
        self._missed |= {worker for worker in self.members if worker not in waiting}
        for ended in waiting.values():
            ended.succeed()
