"""Collective operations: what an all-reduce costs, and the barrier in front of it.

On a network that gives each pair of workers a bandwidth of its own, a formula is what its rounds of messages take over
the links that they use (`gossim.cluster.message_rounds.duration_s`); elsewhere all links are taken to be alike.

Costs are in the α–β–γ model: p workers, n bytes, latency a, b seconds per byte sent, g seconds per byte added up.
Source, unless another is named: Thakur, Rabenseifner, Gropp 2005 (doi:10.1177/1094342005051521).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from ..schema.chosen import chosen_by
from ..schema.fields import Count
from .collective import NOTHING, Collective, CollectiveCost, Link, MessageCollective, ring_cost
from .collective_presets import Gloo, Measured, Nccl
from .message_rounds import Load, Round, Sending, broadcast, exchange, folded, loads, reduction, ring, side_by_side

__all__ = [
    "COLLECTIVES",
    "AnyCollective",
    "Collective",
    "CollectiveCost",
    "Link",
    "RingCollective",
    "RingEvents",
    "RingGather",
]


class RingCollective(MessageCollective):
    """Ring: 2(p−1)a + 2((p−1)/p)nb + ((p−1)/p)ng.

    2(p−1) rounds, in each of which every worker passes on one p-th of the vector.
    Source: Patarasuk and Yuan 2009 (doi:10.1016/j.jpdc.2008.09.002).
    """

    name: Literal["ring"] = "ring"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        return ring_cost(p, n, link)

    def rounds(self, p: int, n: int) -> list[Round]:
        return ring(range(p), n)

    def loads(self, p: int, n: int) -> list[Load]:
        return Collective.loads(self, p, n)  # all alike, and far more messages than members


class RingGather(MessageCollective):
    """All vectors to all, for those that cannot be added up on their way: (p−1)(a + nb + ng), p−1 rounds in each of
    which every worker passes on a whole vector. It is what `ring` is where vectors are compressed."""

    name: Literal["ring_gather"] = "ring_gather"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        return CollectiveCost((p - 1) * (a + n * (b + g)), p * (p - 1), p * (p - 1) * n)

    def rounds(self, p: int, n: int) -> list[Round]:
        passing = [Sending(place, (place + 1) % p, n, True, True) for place in range(p)]
        return [passing] * (p - 1)

    def loads(self, p: int, n: int) -> list[Load]:
        return [Load((p - 1) * n, (p - 1) * n)] * p


class RingEvents(Collective):
    """The same ring, whose 2(p−1) rounds of messages are sent over the network's links.

    On a uniform network it costs what `ring` says. Where links differ, a worker waits for its neighbour only.
    It adds up at the end; `ring` with `events: true` adds up after each round.
    """

    name: Literal["ring_events"] = "ring_events"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        return ring_cost(p, n, link)

    @property
    def sends(self) -> bool:
        return True


class Tree(MessageCollective):
    """Binomial tree, a reduction and a broadcast: ⌈lg p⌉(2a + 2nb + ng)."""

    name: Literal["tree"] = "tree"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        return CollectiveCost(math.ceil(math.log2(p)) * (2 * a + 2 * n * b + n * g), 2 * (p - 1), 2 * (p - 1) * n)

    def connections(self, p: int) -> int:
        return 2 * math.ceil(math.log2(p))

    def rounds(self, p: int, n: int) -> list[Round]:
        return [*reduction(range(p), n), *broadcast(range(p), n)]


def _folded(p: int, n: int, link: Link) -> CollectiveCost:
    """Return the cost of the p − p' workers beyond the last power of two p': a partner adds their vector and
    answers.
    """
    surplus = p - 2 ** int(math.log2(p))
    if not surplus:
        return NOTHING
    a, b, g = link
    return CollectiveCost(2 * a + 2 * n * b + n * g, 2 * surplus, 2 * surplus * n)


class RecursiveDoubling(MessageCollective):
    """Recursive doubling: lg p (a + nb + ng); for p' < p < 2p', p' a power of two, 2a + 2nb + ng more than for p'."""

    name: Literal["recursive_doubling"] = "recursive_doubling"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        rounds = int(math.log2(p))
        messages = rounds * 2**rounds
        return CollectiveCost(rounds * (a + n * b + n * g), messages, messages * n) + _folded(p, n, link)

    def connections(self, p: int) -> int:
        rounds = int(math.log2(p))
        return rounds + 2 * (p > 2**rounds)

    def rounds(self, p: int, n: int) -> list[Round]:
        def inside(power: int) -> list[Round]:
            return [exchange(power, 2**digit, n, True) for digit in range(int(math.log2(power)))]

        return folded(p, n, inside)


class Rabenseifner(MessageCollective):
    """Reduce-scatter by halving, gather by doubling: 2 lg p a + 2((p−1)/p)nb + ((p−1)/p)ng; for p' < p < 2p', p' a
    power of two, 2a + 2nb + ng more than for p'."""

    name: Literal["rabenseifner"] = "rabenseifner"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        rounds = int(math.log2(p))
        q = 2**rounds
        seconds = 2 * rounds * a + (q - 1) / q * n * (2 * b + g)
        return CollectiveCost(seconds, 2 * rounds * q, 2 * (q - 1) * n) + _folded(p, n, link)

    def connections(self, p: int) -> int:
        rounds = int(math.log2(p))
        return rounds + 2 * (p > 2**rounds)

    def rounds(self, p: int, n: int) -> list[Round]:
        def inside(power: int) -> list[Round]:
            halving = [(power >> number, n / 2**number) for number in range(1, int(math.log2(power)) + 1)]
            scatter = [exchange(power, distance, size, True) for distance, size in halving]
            return scatter + [exchange(power, distance, size, False) for distance, size in reversed(halving)]

        return folded(p, n, inside)


class ParameterServer(MessageCollective):
    """A separate server, whose one link carries everything: 2a + 2pnb + png.

    Its messages go to the node after the last worker, whose links the network must have.
    Source: Li et al. 2014 ("Scaling distributed machine learning with the parameter server"), by counting.
    """

    name: Literal["parameter_server"] = "parameter_server"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        return CollectiveCost(2 * a + p * n * (2 * b + g), 2 * p, 2 * p * n)

    def connections(self, p: int) -> int:
        return 2

    def rounds(self, p: int, n: int) -> list[Round]:
        return [
            [Sending(place, p, n, True) for place in range(p)],
            [Sending(p, place, n, False) for place in range(p)],
        ]

    @property
    def servers(self) -> int:
        return 1


class HierarchicalCollective(MessageCollective):
    """A ring inside each group of `group_size`, a ring of one worker of each group, and a broadcast inside the groups.

    The sum of `ring` for the largest group, `ring` for the groups, and ⌈lg s⌉(a + nb) for s workers in a group.
    It gains from groups that are close where the network says so by `bandwidth_bytes_per_s: {regions: …}` or a matrix.
    """

    name: Literal["hierarchical"] = "hierarchical"
    group_size: Count

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        size, groups = min(self.group_size, p), math.ceil(p / self.group_size)
        members = [size] * (p // size) + ([p % size] if p % size else [])
        inside = [RingCollective().cost(count, n, link) for count in members]
        if groups == 1:
            return inside[0]
        rounds = math.ceil(math.log2(size))
        return CollectiveCost(
            max(cost.seconds for cost in inside) + rounds * (link.latency_s + n * link.s_per_byte),
            sum(cost.messages for cost in inside) + p - groups,
            sum(cost.size_bytes for cost in inside) + (p - groups) * n,
        ) + RingCollective().cost(groups, n, link)

    def connections(self, p: int) -> int:
        size = min(self.group_size, p)
        return (size > 1) + (p > size) * (1 + math.ceil(math.log2(size)))

    def loads(self, p: int, n: int) -> list[Load]:
        found, leaders = [], RingCollective().loads(math.ceil(p / self.group_size), n)
        for first in range(0, p, self.group_size):
            count = min(self.group_size, p - first)
            inside, answer = RingCollective().loads(count, n), loads(broadcast(range(count), n), count)
            own = [inside, *([answer] if len(leaders) > 1 else [])]
            found += [Load(*map(sum, zip(*each, strict=True))) for each in zip(*own, strict=True)]
            found[first] = Load(*map(sum, zip(found[first], leaders[first // self.group_size], strict=True)))
        return found

    def rounds(self, p: int, n: int) -> list[Round]:
        groups = [range(first, min(first + self.group_size, p)) for first in range(0, p, self.group_size)]
        inside = side_by_side(ring(group, n) for group in groups)
        if len(groups) == 1:
            return inside
        leaders = ring([group[0] for group in groups], n)
        return [*inside, *leaders, *side_by_side(broadcast(group, n) for group in groups)]


COLLECTIVES: dict[str, type[Collective]] = {
    "ring": RingCollective,
    "ring_events": RingEvents,
    "tree": Tree,
    "recursive_doubling": RecursiveDoubling,
    "rabenseifner": Rabenseifner,
    "parameter_server": ParameterServer,
    "hierarchical": HierarchicalCollective,
    "gloo": Gloo,
    "nccl": Nccl,
    "measured": Measured,
}


if TYPE_CHECKING:
    AnyCollective = Collective
else:
    AnyCollective = chosen_by("name", COLLECTIVES, alone=True)
