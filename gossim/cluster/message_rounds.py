"""Which messages a collective consists of, round by round; and how long they take where nothing else is sent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from .link_rates import LinkRates


class Sending(NamedTuple):
    """A message from one member to another, by their places from 0. With `adds`, the receiver adds it to its own
    vector.

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
    adding, passing = (
        [Sending(m, n, size_bytes / count, adds, True) for m, n in zip(places, following, strict=True)]
        for adds in (True, False)
    )
    rounds: list[Round] = [adding] * (count - 1)
    return rounds + [passing] * (count - 1)


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
    """What messages between two nodes take. `latency_s`: of a pair, including the overhead per message; `rates`: of
    links; `reduction_s_per_byte`: to add vectors.
    """

    latency_s: Callable[[int, int], float]
    rates: LinkRates
    reduction_s_per_byte: float


def duration_s(rounds: Sequence[Round], nodes: Sequence[int], links: Links) -> float:
    """Return how long these rounds take from where all begin at once, over the links that they use.

    Messages of one round share what they pass equally; those of different rounds do not meet.

    Args:
        rounds: Of the collective.
        nodes: The numbers of the nodes at each place.
        links: The network between them.
    """
    ready = [0.0] * len(nodes)
    known: dict[int, list[_Timed]] = {}  # a ring has many rounds, and two different ones
    for each in rounds:
        before = ready.copy()
        adding = [0.0] * len(nodes)
        if id(each) not in known:
            known[id(each)] = _timed(each, nodes, links)
        for sender, receiver, early, out_s, latency_s, added_s in known[id(each)]:
            begins = before[sender] if early else max(before[sender], before[receiver])
            ready[sender] = max(ready[sender], begins + out_s)
            ready[receiver] = max(ready[receiver], begins + out_s + latency_s)
            adding[receiver] += added_s
        ready = [at + more for at, more in zip(ready, adding, strict=True)]
    return max(ready)


class _Timed(NamedTuple):
    """A message with the seconds until it has left, has arrived and has been added, each after the other."""

    sender: int
    receiver: int
    early: bool
    out_s: float
    latency_s: float
    added_s: float


def _timed(each: Round, nodes: Sequence[int], links: Links) -> list[_Timed]:
    shared = Counter(end for s in each for end in _passed(s, nodes, links.rates))
    found = []
    for s in each:
        rate = min(links.rates.capacity(end) / shared[end] for end in _passed(s, nodes, links.rates))
        added_s = s.adds * s.size_bytes * links.reduction_s_per_byte
        latency_s = links.latency_s(nodes[s.sender], nodes[s.receiver])
        found.append(_Timed(s.sender, s.receiver, s.early, s.size_bytes / rate, latency_s, added_s))
    return found


def _passed(sending: Sending, nodes: Sequence[int], rates: LinkRates) -> list[tuple[str, object]]:
    sender, receiver = nodes[sending.sender], nodes[sending.receiver]
    return [("up", sender), ("down", receiver), ("pair", (sender, receiver)), *rates.uplinks(sender, receiver)]
