"""What limits a transfer: its sender and its receiver, their pair, and what their regions share."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from ..schema.fields import PositiveQuantity
from .bandwidth import Rates, UpDown, payload_rates, rate_of, rates_of
from .device_trace import Device
from .pair_rates import FASTEST, BandwidthMatrix, RegionBandwidth

End = tuple[str, Any]
"""What transfers share: `("up", worker)`, `("down", worker)`, `("pair", (sender, receiver))`, `("out", region)` or
`("in", region)`."""

PAIRED = (BandwidthMatrix, RegionBandwidth)
"""Sections that give a rate to each ordered pair."""


def _kind(value: Any) -> str:
    # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
    if isinstance(value, dict):
        return "a matrix" if "matrix" in value else "some regions" if "regions" in value else "a mapping"
    if isinstance(value, BandwidthMatrix):
        return "a matrix"
    if isinstance(value, RegionBandwidth):
        return "some regions"
    return "a mapping" if isinstance(value, UpDown) else "a word" if value == "trace" else "a number"


if TYPE_CHECKING:
    Bandwidth = float | UpDown | BandwidthMatrix | RegionBandwidth | str | None
else:
    Bandwidth = Annotated[
        Annotated[PositiveQuantity | None, Tag("a number")]
        | Annotated[UpDown, Tag("a mapping")]
        | Annotated[BandwidthMatrix, Tag("a matrix")]
        | Annotated[RegionBandwidth, Tag("some regions")]
        | Annotated[Literal["trace"], Tag("a word")],
        Discriminator(_kind),
    ]


class LinkRates:
    """Bytes of payload per second, where that is `efficiency` of all bytes.

    Args:
        bandwidth: The section of the scenario.
        seed: Of the rates that are drawn.
        devices: Of the trace, where `bandwidth` says so.
        efficiency: The share of the bandwidth that is payload.
    """

    def __init__(self, bandwidth: Any, seed: int = 0, devices: tuple[Device, ...] = (), efficiency: float = 1.0):
        self.paired = isinstance(bandwidth, PAIRED)
        self._pairs = bandwidth
        self._efficiency = efficiency
        self._region = bandwidth.region_of() if isinstance(bandwidth, RegionBandwidth) else {}
        own = _own_rates(bandwidth, seed) if self.paired else rates_of(bandwidth, seed, devices)
        self.worker: Callable[[int], Rates] = payload_rates(own, efficiency)
        """What a worker sends and receives altogether."""
        self._uplinks = self.paired and getattr(bandwidth, "uplink", None) is not None

    def pair(self, sender: int, receiver: int) -> float:
        """Return the rate of that ordered pair; infinite where pairs have none of their own."""
        pairs = self._pairs
        if not self.paired:
            return math.inf
        if isinstance(pairs, RegionBandwidth):
            together = self._region[sender] == self._region[receiver]
            return (pairs.within if together else pairs.between) * self._efficiency
        return float(pairs.between(sender, receiver)) * self._efficiency

    def uplinks(self, sender: int, receiver: int) -> tuple[End, ...]:
        """Return the ends that transfers of this pair share with those of other workers of their regions."""
        if not self._uplinks or self._region[sender] == self._region[receiver]:
            return ()
        return ("out", self._region[sender]), ("in", self._region[receiver])

    def capacity(self, end: End) -> float:
        """Return what an end can carry altogether."""
        way, which = end
        if way == "up":
            return self.worker(which).up
        if way == "down":
            return self.worker(which).down
        if way == "pair":
            return self.pair(*which)
        uplink = self._pairs.uplink_of(which)
        return math.inf if uplink is None else uplink * self._efficiency

    def one(self, sender: int, receiver: int) -> float:
        """Return the rate of a transfer of that pair that shares nothing with others."""
        widest = min(self.worker(sender).up, self.worker(receiver).down)
        if not self.paired:
            return widest
        return min(widest, self.pair(sender, receiver), *map(self.capacity, self.uplinks(sender, receiver)))


def only_workers(rates: Callable[[int], Rates]) -> LinkRates:
    """Return the rates of a network in which workers' own ends alone limit transfers."""
    links = LinkRates(None)
    links.worker = rates
    return links


def _own_rates(pairs: BandwidthMatrix | RegionBandwidth, seed: int) -> Callable[[int], Rates]:
    if isinstance(pairs, RegionBandwidth):
        sizes = {worker: len(region) for region in pairs.regions for worker in region}
        others = len(sizes)

    def fastest(worker: int) -> tuple[float, float]:
        if isinstance(pairs, BandwidthMatrix):
            return pairs.fastest(worker)
        inside, outside = sizes[worker] > 1, others > sizes[worker]
        rate = max(pairs.within if inside else 0.0, pairs.between if outside else 0.0)
        return rate, rate

    def own(worker: int) -> Rates:
        found = []
        for way, rate in enumerate((pairs.up, pairs.down)):
            if isinstance(rate, str) and rate == FASTEST:
                found.append(fastest(worker)[way] or math.inf)  # of one that is alone nothing is limited
            else:
                found.append(rate_of(rate, seed, worker, way))  # type: ignore[arg-type]
        return Rates(*found)

    return cache(own)
