"""All-reduce as it happens: a barrier, then the collective; and what becomes of it when workers fail."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import simpy

from ..cluster.collectives import Collective, Cost, Link, RingEvents
from ..errors import RunError
from .link_sharing import NEVER

if TYPE_CHECKING:
    from .worker import Worker
    from .world import World


class Round:
    """One all-reduce: who takes part, who has come with which row, and who of them `last`, at the tick `latest`;
    whether it is `closed` to those who come later, whether `done`; and who was too `late` for it."""

    def __init__(self, world: World):
        self.entered: dict[Worker, None] = {}
        self.arrived: dict[Worker, int] = {}
        self.latest = -1
        self.last: list[Worker] = []
        self.late: dict[Worker, None] = {}
        self.joining: dict[Worker, simpy.Event] = {}
        self.weighted = False
        self.closed, self.done = world.clock.event(), world.clock.event()
        self.timed = self.closing = False


class AllReduceMean:
    """Every member brings a row and gets the row of the mean of those that were brought in time: the mean of gradients,
    by which all stay at one x, or of anything else.

    A round closes when all workers but `backup` have come, or `timeout_s` after the first has; it is over when the
    collective's time has passed since. Those that come at its last tick have the same right to the places that are
    left: who is in time is drawn (`sim.ties`). What comes at the tick of the timeout is in time. Who is down when a
    round runs out of time is not waited for any more. Who comes back `join`s: at the end of a round it gets the
    others' parameters, for which all wait one message.
    A collective that has begun goes on to its end, whoever fails, and however long a partition holds it up: the timeout
    is one of waiting for gradients. It runs among the workers that are up when the round closes.
    A formula takes one latency, the mean over the links of the ring, for what is sent passes every one of them; and one
    bandwidth, the smallest of any worker.
    """

    def __init__(
        self,
        world: World,
        collective: Collective,
        backup: int,
        reduction_s_per_byte: float,
        timeout_s: float | None,
        members: Sequence[int],
    ):
        self.world = world
        self.collective = collective
        self.backup = backup
        self.reduction_s_per_byte = reduction_s_per_byte
        self.timeout_s = timeout_s
        self.awaited = dict.fromkeys(world.workers[m] for m in members)  # in order, as a set
        self.settled = dict(self.awaited)  # those that are up and at the common x, if there is one
        self.gone = {worker for worker in self.awaited if worker.gone}
        self.joining: dict[Worker, simpy.Event] = {}
        self._joined: dict[Worker, int] = {}  # the tick at which it came back
        self._costs: dict[tuple[int, ...], Cost] = {}
        self.round = Round(world)

    def enter(self, worker: Worker) -> Round:
        """The round for which `worker` begins its work now."""
        self.awaited[worker] = None
        self.round.entered[worker] = None
        return self.round

    def arrive(self, now: Round, worker: Worker, row: int, weighted: bool = False) -> simpy.Event:
        """`worker` brings `row` to the round `now`, which it entered, and gives it up; the event's value is the row of
        the mean, which each has to drop. A row that comes when the round is closed is of no use any more.

        Where workers count by their samples the mean is Σ n_m · row / Σ n_m. Where it is `weighted` it is Σ α · row /
        Σ α, and all that were in time get the mean of their α.
        """
        if now.closed.triggered:
            self._too_late(now, worker, row)
            return now.done
        worker.activity.enter("waiting")
        worker.drafts.pop(row, None)
        now.arrived[worker] = row
        if now.latest != self.world.clock.now:
            now.latest, now.last = self.world.clock.now, []
        now.last.append(worker)
        now.weighted = weighted
        if self.timeout_s is not None and not now.timed:
            now.timed = True
            self.world.clock.at_deadline(self.timeout_s, lambda: self._time_is_up(now))
        self._close_if_complete()
        return now.done

    def _too_late(self, now: Round, worker: Worker, row: int) -> None:
        now.late[worker] = None
        worker.give_back(row)
        worker.activity.enter("sending")

    def includes(self, worker: Worker) -> bool:
        """Whether `worker` takes part without having to `join`."""
        return worker in self.settled

    def join(self, worker: Worker) -> simpy.Event:
        """`worker` comes back: an event that happens when it is at the x of the others. Where there are none, its own x
        is the common one."""
        worker.activity.enter("waiting")
        self.awaited[worker] = None
        self.joining[worker] = event = self.world.clock.event()
        self._joined[worker] = self.world.clock.now
        self._found()
        self._close_if_complete()
        return event

    def crashed(self, worker: Worker) -> None:
        """`worker` is down: what it brought to an open round is lost."""
        if worker.gone and worker in self.awaited:
            self.gone.add(worker)
        self.settled.pop(worker, None)
        self.joining.pop(worker, None)
        self.round.entered.pop(worker, None)
        self.round.joining.pop(worker, None)
        row = None if self.round.closed.triggered else self.round.arrived.pop(worker, None)
        if row is not None:
            self.world.program.rows.release(row)
        self._found()
        self._close_if_complete()

    def _is_orphaned(self) -> bool:
        return bool(self.joining) and not self.settled and not self.round.closed.triggered

    def _found(self) -> None:
        """Where all whom they could ask are gone, the first of those that join goes on with what it has: one that is
        drawn where several came first, once this instant is over."""
        if self._is_orphaned():
            self.world.clock.at_deadline(0, self._found_by_lot)

    def _found_by_lot(self) -> None:
        if self._is_orphaned():
            earliest = min(self._joined[worker] for worker in self.joining)
            tied = [worker for worker in self.joining if self._joined[worker] == earliest]
            first, *_ = self.world.ties.shuffled(sorted(tied, key=lambda worker: worker.index))
            first.begin_alone()
            self._settle(first, self.joining.pop(first))

    def _settle(self, worker: Worker, joined: simpy.Event) -> None:
        self.settled[worker] = None
        worker.takes_part = True
        joined.succeed()

    def _surplus(self, now: Round) -> int:
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
                self.world.clock.at_deadline(0, lambda: self._close_by_lot(now))
        elif self.timeout_s is None and now.arrived and self._only_the_gone_are_missing(now):
            waiting, missing = _named(list(now.arrived)), _named(list(self.gone))
            raise RunError(
                f"at {self.world.clock.now_s:g} s {waiting} wait{'s' * (len(now.arrived) == 1)} for {missing}, "
                "down for good: give the algorithm a timeout_s after which a round goes on without"
            )

    def _close_by_lot(self, now: Round) -> None:
        """Close the round, to which enough have come at this tick; of those that came last, drop the surplus by lot."""
        now.closing = False
        if now.closed.triggered or not now.arrived or self._surplus(now) < 0:
            return  # it has run out of time, or one that had come has failed
        self._drop_by_lot(now, self._surplus(now))
        self._close(now)

    def _drop_by_lot(self, now: Round, surplus: int) -> None:
        """Drop so many of those that came at this tick; one at least is left of all that have come."""
        if surplus <= 0 or now.latest != self.world.clock.now:
            return
        tied = sorted((worker for worker in now.last if worker in now.arrived), key=lambda worker: worker.index)
        surplus = min(surplus, len(tied), len(now.arrived) - 1)
        for worker in self.world.ties.shuffled(tied)[:surplus]:
            self._too_late(now, worker, now.arrived.pop(worker))

    def _only_the_gone_are_missing(self, now: Round) -> bool:
        return bool(self.gone) and len(now.arrived) + len(self.joining) + len(self.gone) == len(self.awaited)

    def _time_is_up(self, now: Round) -> None:
        if now.closed.triggered:
            return
        if not now.arrived:  # those that had come have failed since: the next one to come starts the clock again
            now.timed = False
            return
        self._drop_by_lot(now, self._surplus(now))
        for worker in [worker for worker in self.awaited if not worker.up]:
            del self.awaited[worker]
        self._close(now)

    def _close(self, now: Round) -> None:
        program = self.world.program
        mean = program.rows.allocate()
        # In the order of the workers, not of their arrival: the sum's rounding must not depend on who was late.
        arrived = sorted(now.arrived, key=lambda worker: worker.index)
        weights = [worker.alpha if now.weighted else worker.counts_for for worker in arrived]
        total = sum(weights)
        # Those that have all lost all weight beside the others' count as much as each other.
        shares = [float(weight / total) if total else 1 / len(arrived) for weight in weights]
        program.combine(mean, [(share, now.arrived[w]) for share, w in zip(shares, arrived, strict=True)])
        if now.weighted:
            for worker in arrived:
                worker.alpha = total / len(arrived)
        for worker in arrived:
            worker.activity.enter("sending")
            worker.give_back(now.arrived[worker])
        now.closed.succeed()
        now.joining, self.joining = self.joining, {}
        for worker in now.joining:
            worker.take_over(arrived[0])
        members = sorted(worker.index for worker in (*now.entered, *now.joining))
        after_s = self._bring_in(list(now.joining), arrived[0])
        if isinstance(self.collective, RingEvents) and len(members) > 1:
            self.world.clock.process(self._ring_of_messages(members, mean, after_s))
        else:
            cost = self._cost(tuple(members))
            self.world.network.count(cost.messages, cost.size_bytes)
            self.world.clock.after(cost.seconds + after_s, lambda: self._finish(mean))

    def _bring_in(self, joining: list[Worker], donor: Worker) -> float:
        """How long it takes to send parameters and optimizer's state to those that come back, one after the other."""
        network = self.world.network
        settings = self.world.settings.optimizer
        vectors = 1 + (settings.state_vectors if settings else 0)
        size_bytes = vectors * self.world.message_bytes
        network.count(len(joining), size_bytes * len(joining))
        up = network.rates(donor.index).up
        sending_s = [size_bytes / min(up, network.rates(worker.index).down) for worker in joining]
        return sum(sending_s) + max((network.latency_s(donor.index, w.index) for w in joining), default=0.0)

    def _finish(self, mean: int) -> None:
        now, self.round = self.round, Round(self.world)
        rows = self.world.program.rows
        rows.hold(mean, len(now.entered) + len(now.joining))
        for worker in now.entered:
            worker.drafts[mean] = None
        for worker, joined in now.joining.items():
            worker.drafts[mean] = None
            worker.step(mean, own=False)
            self._settle(worker, joined)
        rows.release(mean)
        now.done.succeed(mean)
        now.arrived, now.last = {}, []  # a timer may keep the round for long
        self._found()

    def _cost(self, members: tuple[int, ...]) -> Cost:
        if members not in self._costs:
            network, count = self.world.network, len(members)
            following = (*members[1:], members[0])
            ring_s = [network.latency_s(m, n) for m, n in zip(members, following, strict=True)] if count > 1 else [0.0]
            slowest = min(min(network.rates(m)) for m in members)
            link = Link(sum(ring_s) / count, 1 / slowest, self.reduction_s_per_byte)
            self._costs = {members: self.collective.cost(count, self.world.message_bytes, link)}
        return self._costs[members]

    def _ring_of_messages(self, members: list[int], mean: int, after_s: float) -> Generator[simpy.Event, Any, None]:
        clock, count = self.world.clock, len(members)
        cost = self._cost(tuple(members))
        self.world.network.count(cost.messages, cost.size_bytes)
        came = [[clock.event() for _ in range(2 * (count - 1))] for _ in members]
        yield clock.all_of([clock.process(self._passing_on(members, place, came)) for place in range(count)])
        reduction_s = (count - 1) / count * self.world.message_bytes * self.reduction_s_per_byte
        yield clock.wait(reduction_s + after_s)
        self._finish(mean)

    def _passing_on(
        self, members: list[int], place: int, came: list[list[simpy.Event]]
    ) -> Generator[simpy.Event, Any, None]:
        """Each round: send a chunk on, and wait until the one from behind has come and the own one is out."""
        network, count = self.world.network, len(members)
        following = (place + 1) % count
        for number, event in enumerate(came[place]):
            arrives = came[following][number]
            sent = network.transfer(
                members[place],
                members[following],
                self.world.message_bytes / count,
                arrives.succeed,
                reliable=True,
                outlives=True,
            )
            yield event
            # Where transfers share a link, what is not out yet slows down the next chunk without this.
            if self.world.clock.now < sent.leaves < NEVER:
                yield self.world.clock.until(sent.leaves)


def _named(workers: list[Worker]) -> str:
    numbers = sorted(worker.index for worker in workers)
    if len(numbers) == 1:
        return f"worker {numbers[0]}"
    shown = ", ".join(map(str, numbers[:8])) + (" and others" if len(numbers) > 8 else "")
    return f"workers {shown}"
