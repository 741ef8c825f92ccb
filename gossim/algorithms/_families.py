"""What algorithms of one kind have in common: parameters, and when settings cannot run them."""

from __future__ import annotations

from typing import ClassVar

from ..cluster.collectives import AnyCollective, RingCollective
from ..schema.fields import Timeout
from ..settings import Settings
from ._base import Algorithm


def may_lose_answers(settings: Settings) -> bool:
    """Whether somebody may wait for what never comes."""
    return settings.workers > 1 and bool(settings.faults or (settings.network and settings.network.loses))


class WithCollective(Algorithm):
    """Uses a `collective`. With `timeout_s` a round of it closes that long after the first has come; without, it waits
    for workers that are down, and the run stops if one is down for good."""

    collective: AnyCollective = RingCollective()
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        if settings.network and settings.network.uneven and not self.collective.sends:
            name = self.collective.name
            return (
                f"collective = {name}: is a formula, which knows no jitter, loss or partitions; "
                "use ring_events, or one with events: true"
            )
        if settings.network and settings.network.share_lost == 1 and settings.workers > 1:
            return "sends until everything has arrived, and the network loses everything"
        return None


class InRounds(Algorithm):
    """Waits in each round for its neighbours. With `timeout_s`, those found down that long after are not waited for."""

    timeout_s: Timeout | None = None
    undirected: ClassVar[bool] = False
    """Whether those who are heard must hear the answer."""

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


class WithServer(Algorithm):
    """Asks a parameter server. With `timeout_s` it goes on with what it has where no answer has come by then."""

    servers: ClassVar[int] = 1
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        if may_lose_answers(settings) and self.timeout_s is None:
            return "must have a timeout_s where workers fail or messages are lost: an answer may never come"
        return None
