"""Which messages a collective consists of, round by round; and how long they take where nothing else is sent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from .link_rates import LinkRates


class Sending(NamedTuple):
    """A message from one member to another, by their places from 0. `adds`: the receiver adds it to what it has.

    One that is `early` is sent as soon as its sender comes to the round, and kept by its receiver; another waits until
    the receiver has come to the same round, as MPI's rendezvous does with large messages.
    """

    sender: int
    receiver: int
    size_bytes: float
    adds: bool
    early: bool = False


Round = Sequence[Sending]
"""Messages that do not depend on each other. A member comes to its next round when those of this one that it sends
are out and those that it receives are in and added."""


def ring(places: Sequence[int], size_bytes: float) -> list[Round]:
    """Return 2(p−1) rounds, in each of which everybody passes one p-th of the vector on to the next."""
    count = len(places)
    following = (*places[1:], places[0])
    return [
        [Sending(m, n, size_bytes / count, number < count - 1, True) for m, n in zip(places, following, strict=True)]
        for number in range(2 * (count - 1))
    ]


def reduction(places: Sequence[int], size_bytes: float) -> list[Round]:
    """Return the rounds of a binomial tree that adds up at the first place."""
    reach = [2**number for number in range(_doublings(len(places)))]
    return [
        [Sending(places[first + step], places[first], size_bytes, True) for first in _roots(len(places), step)]
        for step in reach
    ]


def broadcast(places: Sequence[int], size_bytes: float) -> list[Round]:
    """Return the rounds of a binomial tree that gives everybody what the first has."""
    return [
        [Sending(s.receiver, s.sender, size_bytes, False) for s in each]
        for each in reversed(reduction(places, size_bytes))
    ]


def _doublings(count: int) -> int:
    return math.ceil(math.log2(count)) if count > 1 else 0


def _roots(count: int, step: int) -> range:
    return range(0, count - step, 2 * step)


def folded(count: int, size_bytes: float, inside: Callable[[int], list[Round]]) -> list[Round]:
    """Return the rounds `inside` a power of two, before which those beyond add theirs, and after which get the sum."""
    power = 2 ** int(math.log2(count))
    before = [Sending(place, place - power, size_bytes, True) for place in range(power, count)]
    after = [Sending(place - power, place, size_bytes, False) for place in range(power, count)]
    return [*([before] if before else []), *inside(power), *([after] if after else [])]


def exchange(power: int, distance: int, size_bytes: float, adds: bool) -> Round:
    """Return the round in which all whose numbers differ in that binary digit send to each other."""
    return [Sending(place, place ^ distance, size_bytes, adds) for place in range(power)]


def side_by_side(groups: Iterable[list[Round]]) -> list[Round]:
    """Return the rounds of groups that have nothing to do with each other."""
    return [[sending for own in each for sending in own] for each in zip_longest(*groups, fillvalue=())]


class Load(NamedTuple):
    """The bytes that one member sends, and receives."""

    up: float
    down: float


def loads(rounds: Iterable[Round], count: int) -> list[Load]:
    """Return what each of the first `count` places sends and receives in these rounds."""
    up, down = Counter[int](), Counter[int]()
    for sending in (sending for each in rounds for sending in each):
        up[sending.sender] += sending.size_bytes  # type: ignore[assignment]
        down[sending.receiver] += sending.size_bytes  # type: ignore[assignment]
    return [Load(up[place], down[place]) for place in range(count)]


class Links(NamedTuple):
    """What messages between two nodes take. `latency_s`: of a pair, with what each message takes on top; `rates`: of
    links; `reduction_s_per_byte`: to add up."""

    latency_s: Callable[[int, int], float]
    rates: LinkRates
    reduction_s_per_byte: float


def duration_s(rounds: Iterable[Round], nodes: Sequence[int], links: Links) -> float:
    """Return how long these rounds take from where all begin at once, over the links that they use.

    Messages of one round share what they pass equally; those of different rounds do not meet.

    Args:
        rounds: Of the collective.
        nodes: The numbers of the nodes at each place.
        links: The network between them.
    """
    ready = [0.0] * len(nodes)
    for each in rounds:
        before, shared = list(ready), Counter(end for s in each for end in _passed(s, nodes, links.rates))
        adding = [0.0] * len(nodes)
        for s in each:
            pair = nodes[s.sender], nodes[s.receiver]
            begins = before[s.sender] if s.early else max(before[s.sender], before[s.receiver])
            ends = _passed(s, nodes, links.rates)
            out = begins + s.size_bytes / min(links.rates.capacity(end) / shared[end] for end in ends)
            ready[s.sender] = max(ready[s.sender], out)
            ready[s.receiver] = max(ready[s.receiver], out + links.latency_s(*pair))
            adding[s.receiver] += s.adds * s.size_bytes * links.reduction_s_per_byte
        ready = [at + more for at, more in zip(ready, adding, strict=True)]
    return max(ready)


def _passed(sending: Sending, nodes: Sequence[int], rates: LinkRates) -> list[tuple[str, object]]:
    sender, receiver = nodes[sending.sender], nodes[sending.receiver]
    return [("up", sender), ("down", receiver), ("pair", (sender, receiver)), *rates.uplinks(sender, receiver)]
