"""Transfers, and the simplest way for those that use one worker's link at the same time to share it: none.

The others are in `gossim.sim.fifo_links` and `gossim.sim.fair_links`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..cluster.link_rates import LinkRates
from ..units import ticks
from .clock import Clock
from .traffic import Exchange

NEVER = 2**200
"""Of a transfer whose end is not known yet, in ticks: later than any clock shows."""


@dataclass(eq=False, slots=True)
class Transfer:
    """Bytes in flight. `lose` is called if they are lost for good; `reliable` ones are sent until they arrive.

    `leaves`: when the last byte leaves the sender, in ticks; until then the sender's crash takes them with it, unless
    they outlive it. `gone`: they do not get through, and never reach the receiver's link.
    """

    sender: int
    receiver: int
    size_bytes: float
    deliver: Callable[[], Any]
    lose: Callable[[], Any]
    reliable: bool
    outlives: bool = False
    leaves: int = NEVER
    gone: bool = False
    over: bool = False
    exchange: Exchange | None = None  # where it is counted, if it is
    left: Callable[[], Any] | None = None  # called when the last byte leaves, if that was not known when it was carried


class Unshared:
    """Each transfer has the full bandwidth of all links that it passes: it takes latency + size / the smallest.

    `jitters`: whether two transfers of one connection may have different latencies.
    """

    def __init__(self, clock: Clock, links: LinkRates, jitters: bool = False):
        self.clock = clock
        self.links = links
        self.rates = links.worker
        self.jitters = jitters

    def begins(self, transfer: Transfer) -> int:
        """Return the tick at which the first byte leaves of a transfer that is carried now."""
        return self.clock.now

    def carry(self, transfer: Transfer, latency_s: float, arrive: Callable[[], Any]) -> None:
        """Call `arrive` when the last byte has come."""
        seconds = 0.0
        if transfer.size_bytes:
            seconds = transfer.size_bytes / self.links.one(transfer.sender, transfer.receiver)
        transfer.leaves = self.clock.now + ticks(seconds)
        self.clock.after(latency_s + seconds, arrive)

    def drop(self, sender: int) -> None:
        """Free the bandwidth of those transfers of `sender` that end now, before their time."""
