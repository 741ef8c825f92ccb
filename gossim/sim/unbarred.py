"""An all-reduce without a barrier in front: each member begins when it comes, and goes on when it has the sum."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

from ..cluster.buckets import Bucket, Overlap
from ..cluster.collectives import Collective
from .clock import Clock
from .collective_run import CollectiveRun
from .context import Context
from .message_exchange import MessageExchange
from .peers import Member
from .row_mean import mean_row, share_weights


class UnbarredRound:
    """One all-reduce. `arrived` has those that have come, with their rows; `ended` occurs for each when it has the
    mean. `number` and `size_bytes` are as in `AllReduceRound`.
    """

    size_bytes: int | None = None
    weighted = False

    def __init__(self, clock: Clock, members: Sequence[Member], number: int):
        self.number = number
        self.arrived: dict[Member, int] = {}
        self.ended = {member: clock.event() for member in members}
        self.complete = clock.event()
        self.exchanges: dict[int, MessageExchange] = {}  # by the number of the bucket
        self.mean = -1
        # As of `AllReduceRound`: nobody is too late for one that waits for all.
        self.closed = self.complete
        self.late: dict[Member, None] = {}


class UnbarredMean:
    """Every member brings a row and gets the row of the mean of all.

    Its messages are really sent, and a member takes part in a round as soon as it comes: those that are early pass on
    what they can. With `overlap`, it takes part with each bucket as soon as it has it and is through with the one
    before. Nobody may fail.
    """

    def __init__(
        self,
        context: Context,
        members: Sequence[Member],
        collective: Collective,
        reduction_s_per_byte: float = 0.0,
        overlap: Overlap | None = None,
    ):
        self.context = context
        self.members = list(members)
        self.numbers = [member.index for member in members]
        self.collective = CollectiveRun(context, collective, reduction_s_per_byte)
        size = context.message_bytes
        self.parts = overlap.parts(size) if overlap else [Bucket(size, 1.0)]
        self.overlaps = overlap is not None
        self._entered = dict.fromkeys(self.members, 0)
        self._rounds: dict[int, UnbarredRound] = {}

    def enter(self, worker: Member) -> UnbarredRound:
        """Return the round for which `worker` begins its work now."""
        number = self._entered[worker]
        self._entered[worker] = number + 1
        self._rounds.pop(number - 2, None)  # all have been through it before anybody can come to the next but one
        if number not in self._rounds:
            self._rounds[number] = UnbarredRound(self.context.clock, self.members, number)
        return self._rounds[number]

    def includes(self, worker: Member) -> bool:
        """Return whether `worker` takes part, which all do."""
        return True

    def join(self, worker: Member) -> simpy.Event:
        """Never called, because workers do not come back."""
        raise NotImplementedError

    def crashed(self, worker: Member) -> None:
        """Never called, because workers do not fail."""
        raise NotImplementedError

    def computes(self, worker: Member) -> None:
        """Note that `worker` has begun the gradient after which it arrives."""
        now = self._rounds[self._entered[worker] - 1]
        self.context.clock.process(self._take_part(now, worker, worker.spell))

    def arrive(
        self,
        now: UnbarredRound,
        worker: Member,
        row: int,
        weighted: bool = False,
        size_bytes: int | None = None,
        meanwhile: bool = False,
    ) -> simpy.Event:
        """Bring `row` of `worker` to the round `now`, and give it up. The event's value is the row of the mean, which
        each worker has to drop. See `AllReduceMean.arrive`. If it is `weighted`, all have the mean of their α when the
        last has come, and each has the mean as its x when its own part is over.
        """
        clock = self.context.clock
        if not meanwhile:
            worker.activity.enter("sending")
        now.size_bytes = size_bytes
        worker.drafts.pop(row, None)
        now.arrived[worker] = row
        if not self.overlaps:
            clock.process(self._take_part(now, worker, (clock.now, clock.now)))
        if len(now.arrived) == len(self.members):
            now.mean = mean_row(self.context, now.arrived, weighted)
            now.weighted = weighted
            if weighted:
                share_weights(now.arrived)
            now.arrived = {}
            self.context.program.rows.hold(now.mean, len(self.members))
            self.context.program.rows.release(now.mean)
            now.complete.succeed()
        return now.ended[worker]

    def wait_for(self, now: UnbarredRound, worker: Member) -> simpy.Event:
        """See `AllReduceMean.wait_for`."""
        if not now.ended[worker].triggered:
            worker.activity.enter("sending")
        return now.ended[worker]

    def _take_part(
        self, now: UnbarredRound, worker: Member, span: tuple[int, int]
    ) -> Generator[simpy.Event, Any, None]:
        clock, (begin, end), place = self.context.clock, span, self.members.index(worker)
        parts = self.parts if now.size_bytes is None else [Bucket(now.size_bytes, 1.0)]
        for number, part in enumerate(parts):
            ready = begin + round((end - begin) * part.ready_at)
            if ready > clock.now:
                yield clock.until(ready)
            if number not in now.exchanges:
                now.exchanges[number] = self.collective.exchange(self.numbers, part.size_bytes)
            since = clock.now
            yield clock.process(now.exchanges[number].part(place))
            over = min(clock.now, end)
            self.context.timeline.add(worker.index, "message", since, over, size_bytes=part.size_bytes)
        yield now.complete
        worker.drafts[now.mean] = None
        if now.weighted:
            worker.combine(worker.row, (1.0, now.mean))
            worker.drop(now.mean)
        now.ended[worker].succeed(now.mean)
