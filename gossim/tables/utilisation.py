"""How much of what links can carry they did carry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ..cluster.link_rates import End
from ..sim.network import Network
from ..sim.traffic import Direction, Exchange
from ..sim.world import World
from ..units import readable_bytes

MOST_NAMED = 4
"""Ends of links that are named one by one."""


def utilisation(carried: float | None, bytes_per_s: float, seconds: float) -> float | None:
    """Return `carried` bytes over those that can be; None where nothing limits them, or they are not known."""
    return None if carried is None or math.isinf(bytes_per_s) or not seconds else carried / (bytes_per_s * seconds)


def of_link(world: World, sender: int, receiver: int | None, carried: float) -> float | None:
    """Return the utilisation of the link between these two; None where receivers are not distinguished."""
    if receiver is None:
        return None
    return utilisation(carried, world.network.links.one(sender, receiver), world.clock.now_s)


class BytesByNode:
    """The bytes of all links together at each end, sent (or, where `carried`, only those that arrived, and those of
    collectives that are formulas)."""

    def __init__(self, network: Network, carried: bool):
        exchanges: Mapping[Direction, Exchange] = network.exchanges
        self._up: dict[int, float] = {}
        self._down: dict[int, float] = {}
        self._apart = all(receiver is not None for _, receiver in exchanges)
        for (sender, receiver), exchange in exchanges.items():
            size_bytes = exchange.carried if carried else exchange.size_bytes
            self._up[sender] = self._up.get(sender, 0.0) + size_bytes
            if receiver is not None:
                self._down[receiver] = self._down.get(receiver, 0.0) + size_bytes
        for (collective, members, size), times in network.by_formula.items() if carried else ():
            for member, load in zip(members, collective.loads(len(members), size), strict=True):
                self._up[member] = self._up.get(member, 0.0) + times * load.up
                self._down[member] = self._down.get(member, 0.0) + times * load.down

    def up(self, node: int) -> float:
        """Return the bytes that it sent."""
        return self._up.get(node, 0.0)

    def down(self, node: int) -> float | None:
        """Return the bytes that it received; None where receivers are not distinguished."""
        return self._down.get(node, 0.0) if self._apart else None


def overloaded(world: World) -> list[str]:
    """Return a sentence for each link, or end of one, that was given more than it can carry in the time of the run.

    The fullest come first; of more than `MOST_NAMED` the others are counted.
    """
    network, seconds = world.network, world.clock.now_s
    what = "carried" if network.settings.shared == "none" else "was given"
    found = []
    for name, size_bytes, rate in (*_ends(world), *_between(world)):
        if size_bytes is not None and size_bytes > rate * seconds:
            gave, can = readable_bytes(size_bytes), readable_bytes(rate * seconds)
            found.append((size_bytes / rate, f"{name} {what} {gave} in {seconds:g} s, and can carry {can}"))
    sentences = [sentence for _, sentence in sorted(found, key=lambda each: -each[0])]
    more = len(sentences) - MOST_NAMED
    return sentences[:MOST_NAMED] + ([f"{more} other ends of links were too full as well"] if more > 0 else [])


def _ends(world: World) -> Iterator[tuple[str, float | None, float]]:
    """Return the name, the bytes sent and the bytes per second of each node's two ends."""
    sent = BytesByNode(world.network, carried=False)
    for kind, nodes in (("worker", world.workers), ("server", world.servers)):
        for node in nodes:
            rates = world.network.rates(node.index)
            yield f"the uplink of {kind} {node.index}", sent.up(node.index), rates.up
            yield f"the downlink of {kind} {node.index}", sent.down(node.index), rates.down


def _between(world: World) -> Iterator[tuple[str, float, float]]:
    """Return the same for pairs and for what regions share, if the network has them."""
    links, shared = world.network.links, dict[End, float]()
    for (sender, receiver), exchange in world.network.exchanges.items() if links.paired else ():
        if receiver is not None:
            size_bytes = exchange.size_bytes
            yield f"the link from {sender} to {receiver}", size_bytes, links.pair(sender, receiver)
            for end in links.uplinks(sender, receiver):
                shared[end] = shared.get(end, 0.0) + size_bytes
    for end, size_bytes in shared.items():
        way = "up" if end[0] == "out" else "down"
        yield f"the {way}link of region {end[1]}", size_bytes, links.capacity(end)
