"""The Base-(k + 1) graph: a sequence of sparse graphs that averages exactly in finitely many rounds, for any M.

Compared with the authors' public code (yukiTakezawa/BaseGraph): for M from 2 to 27 and k from 1 to 4 the number of
rounds and the eigenvalues of each matrix are the same.
Source: Takezawa et al. 2023, arXiv:2305.11420, algorithms 1 to 3.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...schema.fields import Count
from .base import Topology, TopologySettings
from .mixing import completed
from .spectral import worst_deviation

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array

WeightedEdge = tuple[int, int, float]
"""Two workers and the weight that each gives to the other."""
WeightedEdges = list[WeightedEdge]
"""Of one round."""


class BaseK(TopologySettings):
    """The Base-(k + 1) graph, k = `degree`: in each round a worker has at most k links, and after a whole period all
    workers hold the exact mean, whatever their number M.

    A period is ⌈log_{k+1} M⌉ rounds where no prime factor of M exceeds k + 1, and at most 2 log_{k+1} M + 2 otherwise.
    The graph brings its own weights, symmetric and doubly stochastic: it has no `mixing`. Where `one_peer_exponential`
    averages exactly for powers of two only, `degree: 1` does so for every M.
    """

    example: ClassVar[dict[str, Any]] = {"degree": 1}
    name: Literal["base_k"] = "base_k"
    degree: Count

    @property
    def is_static(self) -> bool:
        return False

    def unfit_several(self, workers: int) -> str | None:
        if self.degree >= workers:
            return f"degree = {self.degree}: must be below the number of workers, {workers}"
        return None

    def links_each(self, workers: int) -> float:
        return self.degree

    def build(self, workers: int, seed: int) -> Topology:
        return InPeriods(self, workers, seed)


class InPeriods(Topology):
    """The rounds of a period, over and over."""

    spectrum_of: ClassVar[str] = "a whole period, W(τ−1)···W(0)"
    settings: BaseK

    def __init__(self, settings: BaseK, workers: int, seed: int):
        super().__init__(settings, workers, seed)
        self.period = base_graph(list(range(workers)), settings.degree) or [[]]
        self._neighbours = [_neighbours(links, workers) for links in self.period]
        self._matrices = [_matrix(links, workers) for links in self.period]

    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]:
        return self._neighbours[round % len(self.period)][worker]

    def graph(self, round: int = 0) -> nx.Graph:
        import networkx as nx

        graph = nx.empty_graph(self.workers)
        graph.add_edges_from((i, j) for i, j, _ in self.period[round % len(self.period)])
        return graph

    def mixing(self, round: int = 0) -> csr_array:
        return self._matrices[round % len(self.period)]

    def weights(self, worker: int, round: int = 0) -> dict[int, float]:
        return super().weights(worker, round % len(self.period))

    def spectral_gap(self) -> float:
        """Return 1 − ‖W(τ−1)···W(0) − J‖₂ for a whole period of τ rounds: 1 but for rounding. Dense, O(M³)."""
        product = self.mixing(0)
        for round in range(1, len(self.period)):
            product = self.mixing(round) @ product
        return 1 - worst_deviation(product)


def _neighbours(links: WeightedEdges, workers: int) -> list[tuple[int, ...]]:
    found: list[list[int]] = [[] for _ in range(workers)]
    for i, j, _ in links:
        found[i].append(j)
        found[j].append(i)
    return [tuple(sorted(own)) for own in found]


def _matrix(links: WeightedEdges, workers: int) -> csr_array:
    i, j, weights = (np.array(column) for column in zip(*links, strict=True)) if links else (np.zeros(0, int),) * 3
    return completed(workers, np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([weights, weights]))


def base_graph(nodes: Sequence[int], degree: int) -> list[WeightedEdges]:
    """Return the rounds of the shorter of two sequences: of all nodes at once, or first within groups, whose number has
    no prime factor above `degree` + 1, and then across them (algorithm 3)."""
    smooth = _smooth_part(len(nodes), degree)
    size = len(nodes) // smooth
    groups = [nodes[start : start + size] for start in range(0, len(nodes), size)]
    within = _together(simple_base_graph(group, degree) for group in groups)
    across = _together(hyper_hypercube([group[place] for group in groups], degree) for place in range(size))
    at_once = simple_base_graph(nodes, degree)
    return at_once if len(at_once) < len(within) + len(across) else within + across


def hyper_hypercube(nodes: Sequence[int], degree: int) -> list[WeightedEdges]:
    """Return a round for each factor f of the number of nodes, in which those that differ in one digit average
    (algorithm 1)."""
    factors, rest, stride = [], len(nodes), 1
    for factor in range(degree + 1, 1, -1):
        while rest % factor == 0:
            factors.append(factor)
            rest //= factor
    rounds = []
    for factor in reversed(factors):
        first = [place for place in range(len(nodes)) if place // stride % factor == 0]
        rounds.append(_cliques([nodes[place + stride * digit] for digit in range(factor)] for place in first))
        stride *= factor
    return rounds


def simple_base_graph(nodes: Sequence[int], degree: int) -> list[WeightedEdges]:
    """Return the rounds of the Simple Base-(k + 1) graph (algorithm 2).

    The nodes are cut into sets V_1, V_2, … of a_l (k + 1)^{p_l} nodes, p_l descending. First each set averages within
    itself. Then set after set links with all later ones, a node of which gets a_l links, one into each of the a_l
    parts of the set: after that the later ones have the mean of all, and so has each part, which averages within
    itself to the end.
    """
    if _smooth_part(len(nodes), degree) == len(nodes):
        return hyper_hypercube(nodes, degree)
    parts = _parts(nodes, degree + 1)
    sets = [[node for part in own for node in part] for own in parts]
    whole = [hyper_hypercube(own, degree) for own in sets]
    inner = [
        _together(hyper_hypercube(part, degree) for part in own) if len(own[0]) > 1 else whole[place]
        for place, own in enumerate(parts)
    ]
    rounds = [[link for cube in whole if cube for link in cube[m % len(cube)]] for m in range(len(whole[0]))]
    for m in range(1 + len(inner[0])):
        links = _links_to_later(parts, sets, m, degree) if m < len(sets) - 1 else []
        for place, own in enumerate(inner[: m + 1]):
            begun = m - place - (place < len(sets) - 1)
            links += own[begun % len(own)] if own and begun >= 0 else []
        rounds.append(links)
    return rounds


def _links_to_later(parts: list[list[Sequence[int]]], sets: list[list[int]], place: int, degree: int) -> WeightedEdges:
    """Return the links of a set with all later ones; those of it that are left over average in groups."""
    left = [list(part) for part in parts[place]]
    share = len(sets[place]) / sum(map(len, sets[place:])) / len(left)
    later = [node for own in sets[place + 1 :] for node in own]
    links = [(node, part.pop(), share) for node in later for part in left]
    over = [node for part in left for node in part]
    return links + _cliques(over[at : at + degree + 1] for at in range(0, len(over), degree + 1))


def _parts(nodes: Sequence[int], base: int) -> list[list[Sequence[int]]]:
    """Split the nodes by the digits of their number in that base, highest first: a digit a gives a parts."""
    found, begin, size = [], 0, 1
    while size * base <= len(nodes):
        size *= base
    while size:
        count = (len(nodes) - begin) // size
        if count:
            found.append([nodes[begin + size * part : begin + size * (part + 1)] for part in range(count)])
            begin += count * size
        size //= base
    return found


def _smooth_part(number: int, degree: int) -> int:
    """Return the largest divisor without a prime factor above `degree` + 1."""
    smooth = 1
    for factor in range(2, min(degree + 1, number) + 1):
        while number % factor == 0:
            number //= factor
            smooth *= factor
    return smooth


def _cliques(groups: Iterator[Sequence[int]]) -> WeightedEdges:
    return [(i, j, 1 / len(group)) for group in groups for i, j in itertools.combinations(group, 2)]


def _together(sequences: Iterator[list[WeightedEdges]]) -> list[WeightedEdges]:
    """Return sequences of the same length, on different nodes, as one."""
    return [[link for links in rounds for link in links] for rounds in zip(*sequences, strict=True)]
