"""How much of what links can carry they did carry."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..sim.traffic import Direction, Exchange
from ..sim.world import World

MOST_NAMED = 4
"""Ends of links that are named one by one."""


def utilisation(carried: float | None, bytes_per_s: float, seconds: float) -> float | None:
    """Return `carried` bytes over those that can be; None where nothing limits them, or they are not known."""
    return None if carried is None or math.isinf(bytes_per_s) or not seconds else carried / (bytes_per_s * seconds)


def of_link(world: World, sender: int, receiver: int | None, carried: float) -> float | None:
    """Return the utilisation of the link between these two; None where receivers are not distinguished."""
    if receiver is None:
        return None
    narrower = min(world.network.rates(sender).up, world.network.rates(receiver).down)
    return utilisation(carried, narrower, world.clock.now_s)


class BytesByNode:
    """The bytes of all links together at each end, sent (or, where `carried`, only those that arrived)."""

    def __init__(self, exchanges: Mapping[Direction, Exchange], carried: bool):
        self._up: dict[int, float] = {}
        self._down: dict[int, float] = {}
        self._apart = all(receiver is not None for _, receiver in exchanges)
        for (sender, receiver), exchange in exchanges.items():
            size_bytes = exchange.carried if carried else exchange.size_bytes
            self._up[sender] = self._up.get(sender, 0.0) + size_bytes
            if receiver is not None:
                self._down[receiver] = self._down.get(receiver, 0.0) + size_bytes

    def up(self, node: int) -> float:
        """Return the bytes that it sent."""
        return self._up.get(node, 0.0)

    def down(self, node: int) -> float | None:
        """Return the bytes that it received; None where receivers are not distinguished."""
        return self._down.get(node, 0.0) if self._apart else None


def overloaded(world: World) -> list[str]:
    """Return a sentence for each end of a link that was given more than it can carry in the time of the run.

    The fullest come first; of more than `MOST_NAMED` the others are counted.
    """
    sent, network, seconds = BytesByNode(world.network.exchanges, carried=False), world.network, world.clock.now_s
    what = "carried" if network.settings.shared == "none" else "was given"
    found = []
    for kind, nodes in (("worker", world.workers), ("server", world.servers)):
        for node in nodes:
            rates = network.rates(node.index)
            ends = (("up", sent.up(node.index), rates.up), ("down", sent.down(node.index), rates.down))
            for way, size_bytes, rate in ends:
                if size_bytes is not None and size_bytes > rate * seconds:
                    gave, can = (f"{each / 1e6:,.4g} MB" for each in (size_bytes, rate * seconds))
                    sentence = (
                        f"the {way}link of {kind} {node.index} {what} {gave} in {seconds:g} s, and can carry {can}"
                    )
                    found.append((size_bytes / rate, sentence))
    sentences = [sentence for _, sentence in sorted(found, key=lambda each: -each[0])]
    more = len(sentences) - MOST_NAMED
    return sentences[:MOST_NAMED] + ([f"{more} other ends of links were too full as well"] if more > 0 else [])
