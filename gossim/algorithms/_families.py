"""What algorithms of one kind have in common: parameters, and when settings cannot run them."""

from __future__ import annotations

from typing import ClassVar

from ..cluster.buckets import NumberOrBytes, Overlap
from ..cluster.collectives import AnyCollective, RingCollective
from ..schema.fields import SomeProbability, Timeout
from ..settings import Settings
from ..sim.peers import Averaging
from ..sim.worker import Worker
from ._base import Algorithm, Process

THE_SERVER_STEPS = "leaves the steps to its server"
"""Why there is one learning rate for all."""

WAITS_FOR_ALL = "begins before it is known who comes, and goes with no faults, timeout_s or backup"


PARAMETERS = "sends parameters themselves, of which nothing may be left out"
"""Why nothing that is sent can be compressed."""


def may_lose_answers(settings: Settings) -> bool:
    """Return whether a worker may wait for a message that never comes."""
    return settings.workers > 1 and bool(settings.faults or (settings.network and settings.network.loses))


def unfit_in_pairs(settings: Settings, timeout_s: float | None, static: bool = False) -> str | None:
    """Return why pairs cannot average both ways, where one waits for the answer; None if they can."""
    if may_lose_answers(settings) and timeout_s is None:
        return "must have a timeout_s where workers fail or messages are lost: an answer may never come"
    if settings.topology.is_directed:
        return f"the topology '{settings.topology.name}' is directed, and a pair averages both ways"
    if static and not settings.topology.is_static:
        return f"the topology '{settings.topology.name}' changes from round to round, and η is that of one graph"
    return None


class WithCollective(Algorithm):
    """Uses a `collective`. With `timeout_s`, a round closes that long after the first worker has arrived. Without it,
    the round waits for workers that are down, and the run stops if one is down for good.
    """

    waits_for: ClassVar[str] = "everybody"
    uncompressed: ClassVar[str] = (
        "averages parameters themselves, of which nothing may be left out; "
        "diloco averages changes, with an outer learning rate of 1 as local_sgd does"
    )
    collective: AnyCollective = RingCollective()
    timeout_s: Timeout | None = None

    def goes_on_without(self, settings: Settings) -> bool:
        """Return whether an average may go on without some of the workers."""
        return bool(settings.faults) or self.timeout_s is not None or getattr(self, "backup", 0) > 0

    def unfit(self, settings: Settings) -> str | None:
        if not self.collective.in_front and self.goes_on_without(settings):
            return f"collective.barrier = false: {WAITS_FOR_ALL}"
        if settings.network and settings.network.uneven and not self.collective.sends:
            name = self.collective.name
            return (
                f"collective = {name}: is a formula, which knows no jitter, loss or partitions; "
                "use ring_events, or one with events: true"
            )
        if settings.network and settings.network.share_lost == 1 and settings.workers > 1:
            return "sends until everything has arrived, and the network loses everything"
        return None


class Overlapping(WithCollective):
    """Averages in `buckets` during the last gradient before the average, as DDP does: a whole number of buckets, or,
    written with a point or an exponent, the bytes of each. Bucket k begins when all workers have it and the one before
    is done. The backward pass is the last `backward_share` of a gradient's time. Overlap changes times, but no other
    numbers.
    """

    buckets: NumberOrBytes | None = None
    backward_share: SomeProbability = 0.67

    @property
    def overlap(self) -> Overlap | None:
        """How the average overlaps the gradient before it; None if it does not."""
        return None if self.buckets is None else Overlap(self.buckets, self.backward_share)

    def local_steps(self, w: Worker, group: Averaging, count: int) -> Process:
        """Take that many steps before an average of parameters. A parameter is final when its gradient of the last of
        them is there: with buckets, the average begins then. To be yielded from."""
        if self.overlap is None:
            yield from w.local_steps(count)
            return
        yield from w.local_steps(count - 1)
        gradient, computed = w.gradient(), w.compute()
        group.computes(w)
        yield computed
        w.step(gradient)

    def unfit(self, settings: Settings) -> str | None:
        if self.buckets is not None and self.goes_on_without(settings):
            return f"buckets = {self.buckets:g}: {WAITS_FOR_ALL}"
        return super().unfit(settings)


class InRounds(Algorithm):
    """Synchronises with its neighbours every round. A neighbour still down `timeout_s` after the wait began is
    skipped.
    """

    family: ClassVar[str] = "gossip"
    waits_for: ClassVar[str] = "its neighbours"
    uncompressed: ClassVar[str] = f"{PARAMETERS}; choco sends compressed changes to neighbours"
    all_messages: ClassVar[bool] = True
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        if settings.workers == 1:
            return None
        if settings.network and settings.network.loses:
            return "waits for each message of its neighbours: where messages are lost, network.resend must be true"
        if settings.faults and self.timeout_s is None:
            return "must have a timeout_s where workers fail: a neighbour's message may never come"
        return self.unfit_topology(settings)

    def unfit_topology(self, settings: Settings) -> str | None:
        return settings.topology.unfit_to_average(self.undirected)

    def peers_each(self, settings: Settings) -> float:
        """Return the mean number of workers to which a worker sends in a round."""
        return settings.topology.links_each(settings.workers)


class BiasCorrected(InRounds):
    """Corrects in each round the error of the one before. This requires that every message of every round arrives, and
    that all rounds mix by the same symmetric W.
    """

    all_up: ClassVar[bool] = True
    undirected: ClassVar[bool] = True
    static: ClassVar[bool] = True

    def unfit(self, settings: Settings) -> str | None:
        if settings.faults and settings.workers > 1:
            return "corrects each round by the one before: it has no meaning when workers fail"
        return super().unfit(settings)

    def unfit_topology(self, settings: Settings) -> str | None:
        if not settings.topology.is_static:
            return (
                f"the topology '{settings.topology.name}' changes from round to round, and the correction is of one W"
            )
        return super().unfit_topology(settings)


class WithServer(Algorithm):
    """Asks a parameter server. With `timeout_s`, it continues with what it has if no answer has arrived by then."""

    family: ClassVar[str] = "server"
    waits_for: ClassVar[str] = "the server"
    servers: ClassVar[int] = 1
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        if may_lose_answers(settings) and self.timeout_s is None:
            return "must have a timeout_s where workers fail or messages are lost: an answer may never come"
        return None
