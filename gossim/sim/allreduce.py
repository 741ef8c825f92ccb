"""All-reduce as it happens: a barrier, then the collective; and what becomes of it when workers fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import simpy

from ..cluster.collectives import Collective
from ..errors import RunError
from .allreduce_round import AllReduceRound
from .collective_run import CollectiveRun
from .context import Context
from .peers import Member
from .row_mean import mean_row, share_weights


class AllReduceMean:
    """Every member brings a row and gets the mean of the rows that were brought in time: of gradients, so that all stay
    at one x, or of anything else.

    A round closes when all workers but `backup` have come, or `timeout_s` after the first has; it is over when the
    collective's time has passed since. Those that come at its last tick have the same right to the places that are
    left: who is in time is drawn (`sim.ties`). What comes at the tick of the timeout is in time. Who is down when a
    round runs out of time is not waited for any more. Who comes back `join`s: at the end of a round it gets the
    others' parameters, for which all wait one message.
    A collective that has begun continues to its end, even if a worker fails, and however long a partition holds it
    up: the timeout is one of waiting for gradients. It runs among the workers that are up when the round closes.
    """

    def __init__(
        self,
        context: Context,
        members: Sequence[Member],
        collective: Collective,
        backup: int = 0,
        reduction_s_per_byte: float = 0.0,
        timeout_s: float | None = None,
    ):
        self.context = context
        self.collective = CollectiveRun(context, collective, reduction_s_per_byte)
        self.backup = backup
        self.timeout_s = timeout_s
        self.awaited = dict.fromkeys(members)  # in order, as a set
        self.settled = dict(self.awaited)  # those that are up and at the common x, if there is one
        self.gone = {worker for worker in self.awaited if worker.gone}
        self.joining: dict[Member, simpy.Event] = {}
        self._joined: dict[Member, int] = {}  # the tick at which it came back
        self.round = AllReduceRound(context.clock)

    def enter(self, worker: Member) -> AllReduceRound:
        """Return the round for which `worker` begins its work now."""
        self.awaited[worker] = None
        self.round.entered[worker] = None
        return self.round

    def computes(self, worker: Member) -> None:
        """Note that `worker` has begun the gradient after which it arrives, for all-reduces that overlap it."""

    def arrive(
        self,
        now: AllReduceRound,
        worker: Member,
        row: int,
        weighted: bool = False,
        size_bytes: int | None = None,
        meanwhile: bool = False,
    ) -> simpy.Event:
        """Bring `row` of `worker` to the round `now`, which it entered, and give it up. The event's value is the row of
        the mean, which each worker has to drop. A row that comes after the round has closed is not used.

        Where workers count by their samples the mean is Σ n_m · row / Σ n_m. Where it is `weighted` it is Σ α · row /
        Σ α, and at the end of the round all at once have it as their x, and those that were in time the mean of their
        α; then there is no row to drop. `size_bytes` is the size of what is averaged, if it is not a whole vector. With
        `meanwhile` the worker goes on computing, until it calls `wait_for`.
        """
        if now.closed.triggered:
            self._too_late(now, worker, row, meanwhile)
            if now.weighted and now.done.triggered:
                self._take(worker, cast(int, now.done.value))
            return now.done
        if meanwhile:
            now.meanwhile[worker] = None
        else:
            worker.activity.enter("waiting")
        now.size_bytes = size_bytes
        worker.drafts.pop(row, None)
        now.bring(worker, row, weighted)
        if self.timeout_s is not None and not now.timed:
            now.timed = True
            self.context.clock.at_deadline(self.timeout_s, lambda: self._time_is_up(now))
        self._close_if_complete()
        return now.done

    def wait_for(self, now: AllReduceRound, worker: Member) -> simpy.Event:
        """Wait for the end of the round `now`, to which `worker` came before it went on `meanwhile`. Returns what
        `arrive` returned.
        """
        self._overlapped_until_now(now, worker)
        now.meanwhile.pop(worker, None)
        if not now.done.triggered:
            worker.activity.enter("sending" if now.closed.triggered else "waiting")
        return now.done

    def _overlapped_until_now(self, now: AllReduceRound, worker: Member) -> None:
        """Record that the collective was under way while `worker` computed."""
        if worker in now.meanwhile and now.closed.triggered:
            size_bytes = self.context.message_bytes if now.size_bytes is None else now.size_bytes
            self.context.timeline.add(
                worker.index, "message", now.closed_at, self.context.clock.now, size_bytes=size_bytes
            )

    def _too_late(self, now: AllReduceRound, worker: Member, row: int, meanwhile: bool = False) -> None:
        now.late[worker] = None
        worker.give_back(row)
        if not meanwhile:
            worker.activity.enter("sending")

    def includes(self, worker: Member) -> bool:
        """Return whether `worker` takes part without having to `join`."""
        return worker in self.settled

    def join(self, worker: Member) -> simpy.Event:
        """Return an event for `worker` coming back: it happens when the worker is at the x of the others. Without
        others, its own x is the common one.
        """
        worker.activity.enter("waiting")
        self.awaited[worker] = None
        self.joining[worker] = event = self.context.clock.event()
        self._joined[worker] = self.context.clock.now
        self._found()
        self._close_if_complete()
        return event

    def crashed(self, worker: Member) -> None:
        """Drop what `worker`, which is down, brought to an open round."""
        if worker.gone and worker in self.awaited:
            self.gone.add(worker)
        self.settled.pop(worker, None)
        self.joining.pop(worker, None)
        self.round.entered.pop(worker, None)
        self.round.joining.pop(worker, None)
        self.round.meanwhile.pop(worker, None)
        self.round.late.pop(worker, None)
        row = self.round.arrived.pop(worker, None)
        if row is not None and not self.round.closed.triggered:  # else it was given back
            self.context.program.rows.release(row)
        self._found()
        self._close_if_complete()

    def _is_orphaned(self) -> bool:
        return bool(self.joining) and not self.settled and not self.round.closed.triggered

    def _found(self) -> None:
        """Let the first worker that joins go on with what it has, if all that it could ask are gone. If several came
        first, one is drawn at the end of this instant.
        """
        if self._is_orphaned():
            self.context.clock.at_deadline(0, self._found_by_lot)

    def _found_by_lot(self) -> None:
        if self._is_orphaned():
            earliest = min(self._joined[worker] for worker in self.joining)
            tied = [worker for worker in self.joining if self._joined[worker] == earliest]
            first, *_ = self.context.ties.shuffled(sorted(tied, key=lambda worker: worker.index))
            first.begin_alone()
            self._settle(first, self.joining.pop(first))

    def _settle(self, worker: Member, joined: simpy.Event) -> None:
        self.settled[worker] = None
        worker.takes_part = True
        joined.succeed()

    def _surplus(self, now: AllReduceRound) -> int:
        """Return how many more have come than the round needs; less than 0 if some are missing."""
        return len(now.arrived) + len(self.joining) - (len(self.awaited) - self.backup)

    def _close_if_complete(self) -> None:
        now = self.round
        if now.closed.triggered:
            return
        if now.arrived and self._surplus(now) >= 0:
            if not self.backup:
                self._close(now)
            elif not now.closing:  # others may come at this tick, with the same right to be in time
                now.closing = True
                self.context.clock.at_deadline(0, lambda: self._close_by_lot(now))
        elif self.timeout_s is None and now.arrived and self._only_the_gone_are_missing(now):
            waiting, missing = _named(list(now.arrived)), _named(list(self.gone))
            raise RunError(
                f"at {self.context.clock.now_s:g} s {waiting} wait{'s' * (len(now.arrived) == 1)} for {missing}, "
                "down for good: give the algorithm a timeout_s after which a round goes on without"
            )

    def _close_by_lot(self, now: AllReduceRound) -> None:
        """Close the round, to which enough have come at this tick; of those that came last, drop the surplus by lot."""
        now.closing = False
        if now.closed.triggered or not now.arrived or self._surplus(now) < 0:
            return  # it has run out of time, or one that had come has failed
        self._drop_by_lot(now, self._surplus(now))
        self._close(now)

    def _drop_by_lot(self, now: AllReduceRound, surplus: int) -> None:
        """Drop `surplus` of those that came at this tick; one at least is left of all that have come."""
        tied = now.came_now()
        if surplus <= 0 or not tied:
            return
        surplus = min(surplus, len(tied), len(now.arrived) - 1)
        for worker in self.context.ties.shuffled(tied)[:surplus]:
            self._too_late(now, worker, now.arrived.pop(worker))

    def _only_the_gone_are_missing(self, now: AllReduceRound) -> bool:
        return bool(self.gone) and len(now.arrived) + len(self.joining) + len(self.gone) == len(self.awaited)

    def _time_is_up(self, now: AllReduceRound) -> None:
        if now.closed.triggered:
            return
        if not now.arrived:  # those that had come have failed since: the next one to come starts the clock again
            now.timed = False
            return
        self._drop_by_lot(now, self._surplus(now))
        for worker in [worker for worker in self.awaited if not worker.up]:
            del self.awaited[worker]
        self._close(now)

    def _close(self, now: AllReduceRound) -> None:
        arrived = sorted(now.arrived, key=lambda worker: worker.index)
        now.closed_at = self.context.clock.now
        for worker in arrived:
            if worker not in now.meanwhile:
                worker.activity.enter("sending")
        mean = mean_row(self.context, now.arrived, now.weighted)
        now.closed.succeed()
        now.joining, self.joining = self.joining, {}
        for worker in now.joining:
            worker.take_over(arrived[0])
        members = sorted(worker.index for worker in (*now.entered, *now.joining))
        after_s = self.collective.bring_in_s([worker.index for worker in now.joining], arrived[0].index)
        self._run(members, after_s, mean)

    def _run(self, members: list[int], after_s: float, mean: int) -> None:
        """Run the collective of the round that is closed now."""
        self.collective.begin(members, after_s, lambda: self._finish(mean), self.round.size_bytes)

    def _finish(self, mean: int) -> None:
        now, self.round = self.round, AllReduceRound(self.context.clock, self.round.number + 1)
        for worker in now.meanwhile:
            self._overlapped_until_now(now, worker)
        now.meanwhile = {}
        rows = self.context.program.rows
        rows.hold(mean, len(now.entered) + len(now.joining))
        for worker in now.entered:
            worker.drafts[mean] = None
        if now.weighted:
            self._give(now, mean)
        for worker, joined in now.joining.items():
            worker.drafts[mean] = None
            worker.step(mean, own=False)
            self._settle(worker, joined)
        rows.release(mean)
        now.done.succeed(mean)
        now.forget()
        self._found()

    def _give(self, now: AllReduceRound, mean: int) -> None:
        """Give the members of a weighted round that wait its mean, and those that were in time the mean of their α."""
        for worker in now.entered:
            if worker in now.arrived or worker in now.late:
                self._take(worker, mean)
        share_weights(worker for worker in now.arrived if worker in now.entered)

    def _take(self, worker: Member, mean: int) -> None:
        worker.combine(worker.row, (1.0, mean))
        worker.drop(mean)


def _named(workers: list[Member]) -> str:
    numbers = sorted(worker.index for worker in workers)
    if len(numbers) == 1:
        return f"worker {numbers[0]}"
    shown = ", ".join(map(str, numbers[:8])) + (" and others" if len(numbers) > 8 else "")
    return f"workers {shown}"
