"""Collective operations: what an all-reduce costs, and the barrier in front of it.

Costs are in the α–β–γ model: p workers, n bytes, latency a, b seconds per byte sent, g seconds per byte added up.
Source, unless another is named: Thakur, Rabenseifner, Gropp 2005 (doi:10.1177/1094342005051521).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..schema.chosen import chosen_by
from ..schema.fields import Count, Frozen


class Link(NamedTuple):
    """`latency_s` a, `s_per_byte` b, `reduction_s_per_byte` g."""

    latency_s: float
    s_per_byte: float
    reduction_s_per_byte: float


class CollectiveCost(NamedTuple):
    """Of one all-reduce over all workers together."""

    seconds: float
    messages: int
    size_bytes: int

    def __add__(self, other: Any) -> CollectiveCost:
        """One after the other."""
        return CollectiveCost(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = CollectiveCost(0.0, 0, 0)


class Collective(Frozen):
    """A way to give every worker the sum of all vectors."""

    name: str

    def cost(self, workers: int, size_bytes: int, link: Link) -> CollectiveCost:
        """Of one operation on a vector of `size_bytes`; nothing where there is one worker."""
        return self.among_several(workers, size_bytes, link) if workers > 1 else NOTHING

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        raise NotImplementedError

    def connections(self, p: int) -> int:
        """Return how many connections are used for the first time, one after the other: each may have been idle."""
        return 1


class RingCollective(Collective):
    """Ring: 2(p−1)a + 2((p−1)/p)nb + ((p−1)/p)ng.

    2(p−1) rounds, in each of which every worker passes on one p-th of the vector.
    Source: Patarasuk and Yuan 2009 (doi:10.1016/j.jpdc.2008.09.002).
    """

    name: Literal["ring"] = "ring"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        seconds = 2 * (p - 1) * a + (p - 1) / p * n * (2 * b + g)
        return CollectiveCost(seconds, 2 * (p - 1) * p, 2 * (p - 1) * n)


class RingEvents(RingCollective):
    """The same ring, each of its 2(p−1) rounds of messages really sent over the network's own links.

    On a uniform network it costs what `ring` says. Where links differ, a worker waits for its neighbour only.
    """

    name: Literal["ring_events"] = "ring_events"  # type: ignore[assignment]


class Tree(Collective):
    """Binomial tree, a reduction and a broadcast: ⌈lg p⌉(2a + 2nb + ng)."""

    name: Literal["tree"] = "tree"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        return CollectiveCost(math.ceil(math.log2(p)) * (2 * a + 2 * n * b + n * g), 2 * (p - 1), 2 * (p - 1) * n)

    def connections(self, p: int) -> int:
        return 2 * math.ceil(math.log2(p))


def _folded(p: int, n: int, link: Link) -> CollectiveCost:
    """What the p − p' workers beyond the last power of two p' cost: a partner adds their vector, and answers."""
    surplus = p - 2 ** int(math.log2(p))
    if not surplus:
        return NOTHING
    a, b, g = link
    return CollectiveCost(2 * a + 2 * n * b + n * g, 2 * surplus, 2 * surplus * n)


class RecursiveDoubling(Collective):
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


class Rabenseifner(Collective):
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


class ParameterServer(Collective):
    """A server of its own, whose one link carries everything: 2a + 2pnb + png.

    Source: Li et al. 2014 ("Scaling distributed machine learning with the parameter server"), by counting.
    """

    name: Literal["parameter_server"] = "parameter_server"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        return CollectiveCost(2 * a + p * n * (2 * b + g), 2 * p, 2 * p * n)

    def connections(self, p: int) -> int:
        return 2


class HierarchicalCollective(Collective):
    """A ring inside each group of `group_size`, a ring of one worker of each group, and a broadcast inside the groups.

    The sum of `ring` for the largest group, `ring` for the groups, and ⌈lg s⌉(a + nb) for s workers in a group;
    with one latency for all links, as every formula here, so that it gains nothing from groups that are close.
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


class GlooCollective(Collective):
    """gloo's ring, in a reduce-scatter and a gather of m messages of s bytes each:
    2 max(2a + msb, ⌈m/2⌉(2a + sb) + [m even] sb) + ((p−1)/p)ng.

    Two messages are under way at once: each is sent when its receiver's notice has come, a after the one two before it
    was received. s is n/2p, at most 1 MiB, and m = pk − 2, k ≥ 2 being the messages for each p-th of the vector: those
    of long vectors are more than the ring's.
    Source: github.com/facebookincubator/gloo, gloo/allreduce.cc, as in torch.distributed.
    """

    name: Literal["gloo"] = "gloo"

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        size = min(math.ceil(n / (2 * p)), GLOO_LONGEST)
        count = p * max(2, math.ceil(math.ceil(n / size) / p)) - 2
        size_bytes = min(n / (2 * p), GLOO_LONGEST)
        in_turn_s = math.ceil(count / 2) * (2 * a + size_bytes * b) + (size_bytes * b if count % 2 == 0 else 0.0)
        phase_s = max(2 * a + count * size_bytes * b, in_turn_s)
        messages = 2 * p * count
        return CollectiveCost(2 * phase_s + (p - 1) / p * n * g, messages, math.ceil(messages * size_bytes))


GLOO_LONGEST = 2**20
"""Bytes of a message of gloo's, at the most."""


COLLECTIVES: dict[str, type[Collective]] = {
    "ring": RingCollective,
    "ring_events": RingEvents,
    "tree": Tree,
    "recursive_doubling": RecursiveDoubling,
    "rabenseifner": Rabenseifner,
    "parameter_server": ParameterServer,
    "hierarchical": HierarchicalCollective,
    "gloo": GlooCollective,
}


if TYPE_CHECKING:
    AnyCollective = Collective
else:
    AnyCollective = chosen_by("name", COLLECTIVES, alone=True)
