"""Max-min fair rates of flows that share the ends of links."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from ..cluster.link_rates import End

Flow = TypeVar("Flow", bound=Hashable)


def max_min_rates(paths: Mapping[Flow, Collection[End]], capacity: Callable[[End], float]) -> dict[Flow, float]:
    """Return the max-min fair rate of each flow, by progressive filling.

    All grow together; where an end is full, its flows stop, and the others grow on.
    Source: Bertsekas and Gallager 1992, Data Networks, 6.5.2.
    """
    growing: dict[End, dict[Flow, None]] = {}
    for flow, ends in paths.items():
        for end in ends:
            growing.setdefault(end, {})[flow] = None
    left = {end: capacity(end) for end in growing}
    # The share of an end only grows as others fill: what is in the heap is a lower bound, and looked at again.
    ahead = [(left[end] / len(flows), number, end) for number, (end, flows) in enumerate(growing.items())]
    heapq.heapify(ahead)
    rates: dict[Flow, float] = {}
    while len(rates) < len(paths):
        known, number, full = heapq.heappop(ahead)
        if not growing[full]:
            continue
        share = left[full] / len(growing[full])
        if share > known and ahead and share > ahead[0][0]:
            heapq.heappush(ahead, (share, number, full))
            continue
        for flow in list(growing[full]):
            rates[flow] = share
            for end in paths[flow]:
                del growing[end][flow]
                left[end] = max(0.0, left[end] - share)
    return rates


def many_rates(paths: Sequence[Sequence[End]], capacity: Callable[[End], float]) -> list[float]:
    """Return the same as `max_min_rates`, by arrays: in each round all ends are full at which every flow has its
    smallest share, for none of these can grow any more, whatever becomes of the others.

    Args:
        paths: The ends of each flow, one or more and none of them twice.
        capacity: Of each end.
    """
    numbers: dict[End, int] = {}
    most = max(map(len, paths), default=0)
    spare = -1  # in place of an end that is not there; the last of each array, without limit
    ends = np.array(
        [
            [numbers.setdefault(end, len(numbers)) for end in own] + [spare] * (most - len(own))
            for own in paths
        ]
    )  # fmt: skip
    size = len(numbers) + 1
    left = np.array([*(capacity(end) for end in numbers), np.inf], dtype=float)
    rates, growing = np.zeros(len(paths)), np.arange(len(paths))
    while growing.size:
        own = ends[growing] % size
        counts = np.zeros(size, dtype=int)
        for column in own.T:
            counts += np.bincount(column, minlength=size)
        share = np.where(counts > 0, left / np.maximum(counts, 1), np.inf)
        smallest = share[own].min(axis=1)
        least = np.full(size, np.inf)
        for column in own.T:
            np.minimum.at(least, column, smallest)
        full = share <= least
        full[spare] = False
        stops = full[own].any(axis=1)
        rates[growing[stops]] = smallest[stops]
        for column in own[stops].T:
            left = np.maximum(0.0, left - np.bincount(column, smallest[stops], size))
        growing = growing[~stops]
    return [float(rate) for rate in rates]
