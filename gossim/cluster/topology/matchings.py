"""Graphs of which only some links are used in each round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from ...rng import Purpose, stream
from ...schema.chosen import chosen_by
from ...schema.fields import SomeProbability
from ...schema.violations import broken_at
from .base import GraphSettings, Topology, TopologySettings
from .edge_list import EdgeList
from .mixing import MIXING, completed
from .random_graphs import ErdosRenyi, KRegular, SmallWorld
from .regular_graphs import (
    Complete,
    Grid,
    Hypercube,
    Ring,
    Star,
    Torus,
)
from .spectral import second_modulus

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array

SYMMETRIC_MIXING = ("metropolis_hastings", "lazy")

REMEMBERED = 4096
"""Rounds whose draws are kept: workers are in different rounds, and a draw for an older one is made again."""

GRAPHS: dict[str, type[GraphSettings]] = {
    "complete": Complete,
    "ring": Ring,
    "grid": Grid,
    "torus": Torus,
    "star": Star,
    "hypercube": Hypercube,
    "k_regular": KRegular,
    "erdos_renyi": ErdosRenyi,
    "small_world": SmallWorld,
    "edge_list": EdgeList,
}
"""Those that can have all their links both ways."""

if TYPE_CHECKING:
    AnyGraph = GraphSettings
else:
    AnyGraph = chosen_by("name", GRAPHS, alone=True)


class Matchings(TopologySettings):
    """The links of `base`, split into matchings, in which no worker has two links.

    Each round uses each matching with probability q = `activation_probability`, independently. A link that is used
    has its weight in the mixing matrix of `base`, and what is missing stays on the diagonal: W(t) = I − Σ_j B_j(t)
    L_j, where I − Σ_j L_j is the matrix of `base` and B_j(t) is 1 with probability q, else 0. There are at most
    twice as many matchings as the largest degree. MATCHA, from which this is taken, instead optimises one weight for
    all links and a probability for each matching. Source: Wang et al. 2019, arXiv:1905.09435.
    """

    example: ClassVar[dict[str, Any]] = {"base": "torus", "activation_probability": 0.5}
    name: Literal["matchings"] = "matchings"
    base: AnyGraph
    activation_probability: SomeProbability

    @property
    def is_static(self) -> bool:
        return False

    def beyond(self, workers: int) -> str | None:
        return self.base.beyond(workers)

    @model_validator(mode="after")
    def _base_is_symmetric(self) -> Matchings:
        if self.base.is_directed:
            raise broken_at(
                ("base",), self.base.model_dump(mode="json"), "must not be directed: a matching is of pairs"
            )
        if self.base.mixing not in SYMMETRIC_MIXING:
            rule = f"must be {' or '.join(SYMMETRIC_MIXING)}, in which both ends of a link give it the same weight"
            raise broken_at(("base", "mixing"), self.base.mixing, rule)
        return self

    def unfit_several(self, workers: int) -> str | None:
        unfit = self.base.unfit(workers)
        return f"its base, {self.base.name}: {unfit}" if unfit else None

    def links_each(self, workers: int) -> float:
        return self.activation_probability * self.base.links_each(workers)

    def build(self, workers: int, seed: int) -> Topology:
        return ActiveMatchings(self, workers, seed)


class ActiveMatchings(Topology):
    """The matchings that each round uses. They depend only on the seed and the round."""

    spectrum_of: ClassVar[str] = "√E[WᵀW]"
    settings: Matchings

    def __init__(self, settings: Matchings, workers: int, seed: int):
        super().__init__(settings, workers, seed)
        self.matching = edge_matchings(settings.base.graph(workers, seed))
        self.matchings = max(self.matching.values(), default=-1) + 1
        links: list[list[tuple[int, int]]] = [[] for _ in range(workers)]
        for (i, j), matching in self.matching.items():
            links[i].append((j, matching))
            links[j].append((i, matching))
        self._links = tuple(tuple(sorted(own)) for own in links)
        self.active = lru_cache(maxsize=REMEMBERED)(self._draw)

    def _draw(self, round: int) -> tuple[bool, ...]:
        """Return whether each matching is used in that round."""
        drawn = stream(self.seed, Purpose.TOPOLOGY, round).random(self.matchings)
        return tuple((drawn < self.settings.activation_probability).tolist())

    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]:
        active = self.active(round)
        return tuple(neighbour for neighbour, matching in self._links[worker] if active[matching])

    def graph(self, round: int = 0) -> nx.Graph:
        import networkx as nx

        graph, active = nx.empty_graph(self.workers), self.active(round)
        graph.add_edges_from(link for link, matching in self.matching.items() if active[matching])
        return graph

    def mixing(self, round: int = 0) -> csr_array:
        hearers, heard, weights, matchings = self._weighted_links
        used = np.array(self.active(round), dtype=bool)[matchings]
        return completed(self.workers, hearers[used], heard[used], weights[used])

    def expected_mixing(self) -> csr_array:
        """Return E[W] = (1 − q) I + q W_base."""
        hearers, heard, weights, _ = self._weighted_links
        return completed(self.workers, hearers, heard, self.settings.activation_probability * weights)

    def expected_square(self) -> csr_array:
        """Return E[WᵀW] = E[W]² + q(1 − q) Σ_j L_j², because the matchings are independent.

        The links of a matching do not touch, so L_j² has 2w² on the diagonal at both ends of a link of weight w, and
        −2w² beside it. If all links have the same weight this is MATCHA's I − 2α L̄ + α² (L̄² + 2 L̃).
        """
        from scipy.sparse import csr_array, eye_array

        q, mean = self.settings.activation_probability, self.expected_mixing()
        hearers, heard, weights, _ = self._weighted_links
        kept = completed(self.workers, hearers, heard, 2 * q * (1 - q) * weights**2)
        return csr_array(mean @ mean + eye_array(self.workers) - kept)

    def spectral_gap(self) -> float:
        """Return 1 − √ρ with ρ = ‖E[WᵀW] − J‖₂: a round multiplies Σ ‖x_i − x̄‖² by at most ρ in expectation.

        With q = 1 it is the gap of `base`. Source: Wang et al. 2019, arXiv:1905.09435.
        """
        return 1 - math.sqrt(second_modulus(self.expected_square()))

    @cached_property
    def _weighted_links(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return for each link, once from each end: who hears, who is heard, the weight and the matching."""
        base = self.settings.base
        weights = MIXING[base.mixing](base.graph(self.workers, self.seed)).tocoo()
        between = weights.row != weights.col
        hearers, heard = weights.row[between], weights.col[between]
        matchings = [self.matching[min(link), max(link)] for link in zip(hearers.tolist(), heard.tolist(), strict=True)]
        return hearers, heard, weights.data[between], np.array(matchings, dtype=int)


def edge_matchings(graph: nx.Graph) -> dict[tuple[int, int], int]:
    """Return the matching of each link (i, j), i < j, counted from 0: an edge colouring of the graph."""
    import networkx as nx

    colours = nx.greedy_color(nx.line_graph(graph), strategy="smallest_last")
    return {(min(link), max(link)): colour for link, colour in colours.items()}
