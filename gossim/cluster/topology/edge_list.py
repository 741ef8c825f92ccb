"""Graphs from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import model_validator

from ...errors import InputError
from ...files import trust
from ...files.csv_columns import refuse_pipes, remembered
from ...schema.violations import broken, broken_at
from ..selection import from_one
from .base import GraphSettings, parts
from .mixing import DIRECTED_MIXING

if TYPE_CHECKING:
    import networkx as nx

DIGITS = 9
"""Of the longest number of a worker."""


class EdgeList(GraphSettings):
    """The links that a file lists, one `i,j` or `i j` per line; # begins a comment.

    If `directed`, i sends to j only, and the mixing is uniform or push_sum. An arm with fewer workers than another
    has the links between its own workers, which must be connected. A link that is listed twice counts once.
    """

    name: Literal["edge_list"] = "edge_list"
    file: str
    directed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _uniform_if_directed(cls, data: Any) -> Any:
        return {"mixing": "uniform", **data} if isinstance(data, dict) and data.get("directed") is True else data

    @model_validator(mode="after")
    def _is_a_graph(self) -> EdgeList:
        if self.directed and self.mixing not in DIRECTED_MIXING:
            raise broken_at(("mixing",), self.mixing, f"a directed graph has {' or '.join(DIRECTED_MIXING)}")
        if not trust.present().files:
            return self
        try:
            read_edges(self.file)
        except InputError as error:
            raise broken(str(error)) from None
        return self

    @property
    def is_directed(self) -> bool:
        return self.directed

    def beyond(self, workers: int) -> str | None:
        links = _links(self.file)
        link = next((link for link in links if max(link.i, link.j) >= workers), None)
        if link is None:
            return None
        hint = from_one({worker for each in links for worker in (each.i, each.j)}, workers)
        return f"{self.file}, line {link.line}: links {link.i} and {link.j}{hint}"

    def unfit_several(self, workers: int) -> str | None:
        linked = {worker for link in read_edges(self.file) if max(link) < workers for worker in link}
        alone = next((worker for worker in range(workers) if worker not in linked), None)
        if alone is not None:
            return f"worker {alone} has no link to any other of the {workers} workers"
        count = parts(self.graph_of_several(workers, seed=0))
        one_way = ", each of whom can reach all others of its part" if self.directed else ""
        return f"the {workers} workers fall into {count} parts{one_way}" if count > 1 else None

    def links_each(self, workers: int) -> float:
        return 2 * len(read_edges(self.file)) / workers

    def graph_of_several(self, workers: int, seed: int) -> nx.Graph:
        import networkx as nx

        graph = nx.empty_graph(workers, create_using=nx.DiGraph if self.directed else nx.Graph)
        graph.add_edges_from((i, j) for i, j in read_edges(self.file) if max(i, j) < workers)
        return graph


class _Link(NamedTuple):
    line: int
    i: int
    j: int


@remembered
def read_edges(file: str) -> tuple[tuple[int, int], ...]:
    """Return the links in a file.

    Raises:
        InputError: If a line is not a link, naming file and line.
    """
    return tuple((link.i, link.j) for link in _links(file))


@remembered
def _links(file: str) -> tuple[_Link, ...]:
    """Read the lines. networkx reads such files too, but skips lines that it does not understand."""
    refuse_pipes(file)
    try:
        with open(file, encoding="utf-8-sig") as lines:
            rows = [line.partition("#")[0].replace(",", " ").split() for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    edges = []
    for line, row in enumerate(rows, start=1):
        if not row:
            continue
        if len(row) != 2 or not all(number.isdecimal() and len(number) <= DIGITS for number in row):
            raise InputError(f"{file}, line {line}: {' '.join(row)!r}: must be the numbers of two workers, as in 0,1")
        i, j = map(int, row)
        if i == j:
            raise InputError(f"{file}, line {line}: links worker {i} to itself")
        edges.append(_Link(line, i, j))
    if not edges:
        raise InputError(f"{file}: lists no links")
    return tuple(edges)
