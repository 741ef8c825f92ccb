"""Exponential graphs: each worker sends 1, 2, 4, … places ahead, all at once or in turn.

Source: Assran et al. 2019, arXiv:1811.10792; Ying et al. 2021, arXiv:2110.13363.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from ...schema.fields import named
from .base import GraphSettings, Topology
from .mixing import DIRECTED_MIXING, MIXING
from .spectral import worst_deviation

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array


def ahead(workers: int, hops: Sequence[int]) -> nx.DiGraph:
    """Return the graph i → i + h modulo M for each of the hops h."""
    import networkx as nx

    graph = nx.empty_graph(workers, create_using=nx.DiGraph)
    graph.add_edges_from((worker, (worker + hop) % workers) for worker in range(workers) for hop in hops)
    return graph


def hops_of(workers: int) -> list[int]:
    """Return 1, 2, 4, … below M: ⌈lg M⌉ numbers."""
    return [2**k for k in range((workers - 1).bit_length())]


class StaticExponential(GraphSettings):
    """Worker i sends to i + 2^k modulo M for all k < ⌈lg M⌉: directed, |λ₂| = (⌈lg M⌉ − 1)/(⌈lg M⌉ + 1) for even M."""

    regular: ClassVar[bool] = True
    name: Literal["static_exponential"] = "static_exponential"
    mixing: Annotated[str, named("mixing", DIRECTED_MIXING)] = "uniform"

    @property
    def is_directed(self) -> bool:
        return True

    def links_each(self, workers: int) -> float:
        return (workers - 1).bit_length()

    def graph_of_several(self, workers: int, seed: int) -> nx.DiGraph:
        return ahead(workers, hops_of(workers))


class OnePeerExponential(StaticExponential):
    """In round t worker i sends only to i + 2^(t mod ⌈lg M⌉) modulo M: directed, one message per worker and round.

    For M a power of two, ⌈lg M⌉ rounds average exactly.
    """

    name: Literal["one_peer_exponential"] = "one_peer_exponential"  # type: ignore[assignment]

    @property
    def is_static(self) -> bool:
        return False

    def links_each(self, workers: int) -> float:
        return 1

    def build(self, workers: int, seed: int) -> Topology:
        return InTurn(self, workers, seed)


class InTurn(Topology):
    """One hop in each round, over and over."""

    spectrum_of: ClassVar[str] = "a whole period, W(τ−1)···W(0)"
    settings: GraphSettings

    def __init__(self, settings: GraphSettings, workers: int, seed: int):
        super().__init__(settings, workers, seed)
        self.hops = hops_of(workers)
        self._mixing = lru_cache(maxsize=None)(self._mixing_of)

    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]:
        return ((worker + self._hops(round)[0]) % self.workers,) if self.hops else ()

    def graph(self, round: int = 0) -> nx.DiGraph:
        return ahead(self.workers, self._hops(round))

    def mixing(self, round: int = 0) -> csr_array:
        return self._mixing(self._hops(round))

    def spectral_gap(self) -> float:
        """Return 1 − ‖W(τ−1)···W(0) − J‖₂ for a whole period of τ = ⌈lg M⌉ rounds. Dense, O(M³)."""
        product = self.mixing(0)
        for round in range(1, len(self.hops)):
            product = self.mixing(round) @ product
        return 1 - worst_deviation(product)

    def _mixing_of(self, hops: tuple[int, ...]) -> csr_array:
        return MIXING[self.settings.mixing](ahead(self.workers, hops))

    def _hops(self, round: int) -> tuple[int, ...]:
        """Return the hop of that round; nothing if there is one worker."""
        return (self.hops[round % len(self.hops)],) if self.hops else ()
