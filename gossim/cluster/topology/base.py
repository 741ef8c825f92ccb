"""What a topology is: its settings in a scenario, and the graph or graphs that they make."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from ...errors import RunError
from ...schema.fields import Frozen, named
from .mixing import MIXING, UNDIRECTED_MIXING
from .spectral import second_modulus

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array


ROUNDS_KEPT = 64
"""Rounds whose weights are remembered: workers are seldom further apart."""


class TopologySettings(Frozen):
    """Which of the workers 0 to M − 1 may send to which, and with which weights neighbours are averaged."""

    example: ClassVar[dict[str, Any]] = {}
    """Values for the parameters that have no default, to show and to test the kind with."""
    name: str

    @property
    def is_directed(self) -> bool:
        """Whether a worker may send to another that cannot send to it."""
        return False

    @property
    def is_static(self) -> bool:
        """Whether the graph is the same in every round."""
        return True

    def unfit(self, workers: int) -> str | None:
        """Return why M workers cannot have this topology, as a rule for the scenario; None if they can.

        A single worker, which has no peer, can have any topology.
        """
        return self.unfit_several(workers) if workers > 1 else None

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        return None

    def unfit_several(self, workers: int) -> str | None:
        return None

    def unfit_to_average(self, undirected: bool = False) -> str | None:
        """Return why x_i ← Σ_j W_ij x_j does not keep the mean of the workers, as a rule for the scenario; None if it
        does.

        It does if W is doubly stochastic. W leads to the mean only if the graph is connected, and every graph here
        is.

        Args:
            undirected: Whether a worker also has to be able to answer those it hears.
        """
        if undirected and self.is_directed:
            return f"the topology '{self.name}' is directed, and this algorithm needs answers from those who are heard"
        return None

    def links_each(self, workers: int) -> float:
        """Return the mean number of neighbours of one of several workers, as far as it is known without drawing a
        graph.
        """
        return workers - 1

    def build(self, workers: int, seed: int) -> Topology:
        """Return the topology of M workers.

        Raises:
            RunError: If a drawn graph is not connected.
        """
        raise NotImplementedError


class GraphSettings(TopologySettings):
    """One graph, and `mixing`, the rule that gives each link its weight."""

    regular: ClassVar[bool] = False
    """Whether all workers have as many links, whatever M."""
    mixing: Annotated[str, named("mixing", UNDIRECTED_MIXING)] = "metropolis_hastings"

    def unfit_to_average(self, undirected: bool = False) -> str | None:
        unfit = super().unfit_to_average(undirected)
        if unfit:
            return unfit
        if self.mixing in ("uniform", "push_sum") and not self.regular:
            advice = "" if self.is_directed else "; use metropolis_hastings or lazy"
            return (
                f"the mixing matrix is not doubly stochastic: under '{self.mixing}' it is only where all workers have "
                f"as many links, and the topology '{self.name}' does not promise that{advice}"
            )
        return None

    def graph(self, workers: int, seed: int) -> nx.Graph:
        """Return a graph on the nodes 0 to M − 1, the same for the same `seed`.

        Raises:
            RunError: If it is not connected.
        """
        import networkx as nx

        graph = self.graph_of_several(workers, seed) if workers > 1 else nx.empty_graph(1)
        count = parts(graph)
        if count > 1:
            raise RunError(
                f"the topology '{self.name}' drawn with seed {seed} falls into {count} parts that no link joins; "
                "more links or another seed may join them"
            )
        return graph

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        raise NotImplementedError

    def build(self, workers: int, seed: int) -> Topology:
        return Static(self, workers, seed)


class Topology(ABC):
    """The graph of M workers in each round.

    A round is one step of the worker that asks: worker i's t-th communication uses the graph of round t.
    """

    spectrum_of: ClassVar[str]
    """What `spectral_gap` is the gap of."""

    def __init__(self, settings: TopologySettings, workers: int, seed: int):
        self.settings = settings
        self.workers = workers
        self.seed = seed
        self._kept: dict[int, list[dict[int, float]]] = {}

    @abstractmethod
    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]:
        """Return the workers to which `worker` may send in that round, in ascending order."""

    @abstractmethod
    def graph(self, round: int = 0) -> nx.Graph:
        """Return the graph of that round; a DiGraph if the topology is directed."""

    @abstractmethod
    def mixing(self, round: int = 0) -> csr_array:
        """Return W of x_i ← Σ_j W_ij x_j in that round, `(M, M)`: row i has the weights of what worker i hears."""

    @abstractmethod
    def spectral_gap(self) -> float:
        """Return 1 − (the factor by which a round shrinks disagreement in the long run)."""

    def weights(self, worker: int, round: int = 0) -> dict[int, float]:
        """Return row `worker` of W without the diagonal: the weight of each worker that it hears."""
        return self._weights(round)[worker]

    def _weights(self, round: int) -> list[dict[int, float]]:
        # Each worker asks for its own row; they are a round or two apart at most.
        if round not in self._kept:
            matrix = self.mixing(round)
            ends, columns, values = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
            spans = itertools.pairwise(ends)
            self._kept[round] = [
                {j: w for j, w in sorted(zip(columns[a:b], values[a:b], strict=True)) if j != i and w}
                for i, (a, b) in enumerate(spans)
            ]
            while len(self._kept) > ROUNDS_KEPT:
                del self._kept[min(self._kept)]
        return self._kept[round]

    def random_peer(self, worker: int, uniform: float, round: int = 0) -> int | None:
        """Return a neighbour, each with the same probability; None if it has no neighbour in that round.

        Args:
            worker: The worker that asks.
            uniform: A uniform number in [0, 1), which decides.
            round: The round.
        """
        neighbours = self.neighbours(worker, round)
        return neighbours[int(uniform * len(neighbours))] if neighbours else None


class Static(Topology):
    """One graph, the same in every round."""

    spectrum_of: ClassVar[str] = "W"
    settings: GraphSettings

    def __init__(self, settings: GraphSettings, workers: int, seed: int):
        super().__init__(settings, workers, seed)
        graph = settings.graph(workers, seed)
        # Not the graph itself: its dictionaries take ten times the memory.
        self._neighbours = tuple(tuple(sorted(graph[worker])) for worker in range(workers))

    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]:
        return self._neighbours[worker]

    def graph(self, round: int = 0) -> nx.Graph:
        return self.settings.graph(self.workers, self.seed)

    def mixing(self, round: int = 0) -> csr_array:
        return self._mixing

    def weights(self, worker: int, round: int = 0) -> dict[int, float]:
        return super().weights(worker, 0)

    @cached_property
    def _mixing(self) -> csr_array:
        return MIXING[self.settings.mixing](self.graph())

    def spectral_gap(self) -> float:
        """Return 1 − |λ₂(W)|, where λ₂ is the eigenvalue of second largest modulus."""
        return 1 - second_modulus(self.mixing())


def parts(graph: nx.Graph) -> int:
    """Return the number of connected components; of a directed graph, of strongly connected ones."""
    import networkx as nx

    return (nx.number_strongly_connected_components if graph.is_directed() else nx.number_connected_components)(graph)
