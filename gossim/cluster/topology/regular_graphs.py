"""Graphs that the number of workers determines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from ...schema.fields import Count
from .base import GraphSettings, Static, Topology

if TYPE_CHECKING:
    import networkx as nx


class Complete(GraphSettings):
    """Every worker can reach every other, as in GoSGD: M(M − 1)/2 links, spectral gap 1."""

    regular: ClassVar[bool] = True
    name: Literal["complete"] = "complete"

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        return nx.complete_graph(workers)

    def build(self, workers: int, seed: int) -> Topology:
        return Everyone(self, workers, seed)


class Everyone(Static):
    """The complete graph without a list of its links: a hundred thousand workers take no memory."""

    def __init__(self, settings: GraphSettings, workers: int, seed: int):
        Topology.__init__(self, settings, workers, seed)

    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]:
        return (*range(worker), *range(worker + 1, self.workers))

    def random_peer(self, worker: int, uniform: float, round: int = 0) -> int | None:
        if self.workers == 1:
            return None
        drawn = int(uniform * (self.workers - 1))
        return drawn if drawn < worker else drawn + 1


class Ring(GraphSettings):
    """Worker i is linked to i − 1 and i + 1, modulo M: degree 2, |λ₂| = 1/3 + 2/3 cos(2π/M)."""

    regular: ClassVar[bool] = True
    name: Literal["ring"] = "ring"

    def links_each(self, workers: int) -> float:
        return min(2, workers - 1)

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        return nx.cycle_graph(workers)


class Grid(GraphSettings):
    """Rows × columns, each worker linked to those beside, above and below it.

    Worker i is in row ⌊i/columns⌋. Without `rows` it is as near to a square as M allows; a prime M gives a line.
    """

    periodic: ClassVar[bool] = False
    name: Literal["grid"] = "grid"
    rows: Count | None = None

    def unfit_several(self, workers: int) -> str | None:
        if self.rows is not None and workers % self.rows:
            return f"{workers} workers cannot stand in {self.rows} equal rows"
        return None

    def shape(self, workers: int) -> tuple[int, int]:
        """Return rows and columns."""
        rows = self.rows or max(rows for rows in range(1, math.isqrt(workers) + 1) if workers % rows == 0)
        return rows, workers // rows

    def links_each(self, workers: int) -> float:
        rows = workers**0.5 if self.rows is None else self.rows
        return 4 - 2 / rows - 2 * rows / workers

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        rows, columns = self.shape(workers)
        return nx.convert_node_labels_to_integers(
            nx.grid_2d_graph(rows, columns, periodic=self.periodic), ordering="sorted"
        )


class Torus(Grid):
    """A grid whose last row is linked to its first, and its last column to its first: degree 4.

    |λ₂| = (3 + 2 cos(2π/c))/5 for c the longer side, where both are at least 3.
    """

    regular: ClassVar[bool] = True
    periodic: ClassVar[bool] = True
    name: Literal["torus"] = "torus"  # type: ignore[assignment]

    def links_each(self, workers: int) -> float:
        return min(4, workers - 1)


class Star(GraphSettings):
    """Worker 0 is linked to all others, which are linked only to it: |λ₂| = 1 − 1/M."""

    name: Literal["star"] = "star"

    def links_each(self, workers: int) -> float:
        return 2 * (workers - 1) / workers

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        return nx.star_graph(workers - 1)


class Hypercube(GraphSettings):
    """Workers whose numbers differ in one binary digit are linked: degree lg M, |λ₂| = (lg M − 1)/(lg M + 1)."""

    regular: ClassVar[bool] = True
    name: Literal["hypercube"] = "hypercube"

    def unfit_several(self, workers: int) -> str | None:
        return f"needs a power of two of workers, and there are {workers}" if workers & (workers - 1) else None

    def links_each(self, workers: int) -> float:
        return workers.bit_length() - 1

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        return nx.convert_node_labels_to_integers(nx.hypercube_graph(workers.bit_length() - 1), ordering="sorted")
