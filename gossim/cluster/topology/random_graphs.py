"""Random graphs, drawn once for each seed: arms with one seed have the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ...errors import RunError
from ...rng import Purpose, stream
from ...schema.bounds import Bounds
from ...schema.fields import AS_WHOLE, Count, Probability, SomeProbability
from .base import GraphSettings

if TYPE_CHECKING:
    import networkx as nx


class KRegular(GraphSettings):
    """A random graph in which every worker has `degree` links. All such graphs have nearly the same probability.

    If degree² is small against M, |λ₂| is near (1 + 2√(degree − 1))/(degree + 1), whatever M. Degree 2 gives rings,
    mostly several. Source: Steger and Wormald 1999; Friedman 2008 for the eigenvalue.
    """

    regular: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {"degree": 4}
    name: Literal["k_regular"] = "k_regular"
    degree: Count

    def unfit_several(self, workers: int) -> str | None:
        if self.degree >= workers:
            return f"{workers} workers cannot have degree {self.degree}: each has only {workers - 1} others"
        if workers * self.degree % 2:
            return f"{workers} workers of degree {self.degree} would make half a link: one of the numbers must be even"
        if self.degree == 1 and workers > 2:
            return "degree 1 makes pairs that no link joins"
        return None

    def links_each(self, workers: int) -> float:
        return self.degree

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        random = stream(seed, Purpose.TOPOLOGY)
        absent = workers - 1 - self.degree
        # The pairs that are not linked are as regular; drawing the fewer of the two is quick for any degree.
        if absent < self.degree:
            return nx.complement(nx.random_regular_graph(absent, workers, seed=random))
        return nx.random_regular_graph(self.degree, workers, seed=random)


class ErdosRenyi(GraphSettings):
    """Each pair of workers is linked with `edge_probability`, independently.

    Connected with a probability near 1 if it is well above ln(M)/M; a run whose graph is not is refused.
    Source: Erdős and Rényi 1960; Gilbert 1959.
    """

    example: ClassVar[dict[str, Any]] = {"edge_probability": 0.5}
    name: Literal["erdos_renyi"] = "erdos_renyi"
    edge_probability: SomeProbability

    def links_each(self, workers: int) -> float:
        return self.edge_probability * (workers - 1)

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        return nx.fast_gnp_random_graph(workers, self.edge_probability, seed=stream(seed, Purpose.TOPOLOGY))


class SmallWorld(GraphSettings):
    """A ring in which each worker is linked to its nearest `neighbours`, and each link then moved elsewhere with
    `rewiring_probability`.

    It is drawn again, from the same stream, until it is connected. Source: Watts and Strogatz 1998.
    """

    TRIES: ClassVar[int] = 100
    example: ClassVar[dict[str, Any]] = {"neighbours": 4, "rewiring_probability": 0.1}
    name: Literal["small_world"] = "small_world"
    neighbours: Annotated[int, Bounds("an even number >= 2, half of it to each side", ge=2, multiple_of=2), AS_WHOLE]
    rewiring_probability: Probability

    def unfit_several(self, workers: int) -> str | None:
        if self.neighbours >= workers:
            return f"{workers} workers cannot have {self.neighbours} neighbours: each has only {workers - 1} others"
        return None

    def links_each(self, workers: int) -> float:
        return self.neighbours

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        parameters = workers, self.neighbours, self.rewiring_probability
        try:
            return nx.connected_watts_strogatz_graph(*parameters, self.TRIES, seed=stream(seed, Purpose.TOPOLOGY))
        except nx.NetworkXError:
            raise RunError(
                f"the topology '{self.name}' drawn with seed {seed} was not connected in {self.TRIES} draws; "
                "more neighbours or less rewiring may help"
            ) from None
