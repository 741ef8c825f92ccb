"""Max-min fair rates of flows that share the ends of links."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Flow = TypeVar("Flow", bound=Hashable)
End = tuple[str, int]
"""One end of a link: `("up", worker)` or `("down", worker)`."""


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
        paths: The one or two ends of each flow.
        capacity: Of each end.
    """
    numbers: dict[End, int] = {}
    first = np.array([numbers.setdefault(ends[0], len(numbers)) for ends in paths])
    last = np.array([numbers.setdefault(ends[-1], len(numbers)) for ends in paths])
    single = first == last  # those with one end
    left = np.array([capacity(end) for end in numbers], dtype=float)
    rates, growing, size = np.zeros(len(paths)), np.arange(len(paths)), len(numbers)
    while growing.size:
        up, down, alone = first[growing], last[growing], single[growing]
        counts = np.bincount(up, minlength=size) + np.bincount(down[~alone], minlength=size)
        share = np.where(counts > 0, left / np.maximum(counts, 1), np.inf)
        smallest = np.minimum(share[up], share[down])
        least = np.full(size, np.inf)
        np.minimum.at(least, up, smallest)
        np.minimum.at(least, down, smallest)
        full = share <= least
        stops = full[up] | full[down]
        rates[growing[stops]] = smallest[stops]
        taken = np.bincount(up[stops], smallest[stops], size)
        both = stops & ~alone
        left = np.maximum(0.0, left - taken - np.bincount(down[both], smallest[both], size))
        growing = growing[~stops]
    return [float(rate) for rate in rates]
