"""Where the nodes of an arm stand in the animation: on the circle, or as networkx lays out their graph."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..errors import RunError
from ..files.trust import Trust, trusting
from ..scenario.arm import Arm

LAID_OUT = {"grid", "torus", "hypercube", "star", "erdos_renyi", "k_regular"}
"""Topologies whose graph says more when it is laid out. Others stand on the circle, as do graphs of files, which are
not opened: they may be somebody else's."""

MOST_LINKS_EACH = 6
"""A graph with more links for each worker is not drawn: it would hide what moves."""


class Places(NamedTuple):
    """`xy`: a pair in −1 … 1 for each node, servers last; `links`: pairs of nodes."""

    xy: list[tuple[float, float]]
    links: list[tuple[int, int]]


def places(arm: Arm, seed: int, servers: int) -> Places:
    """Place the workers of an arm, with its servers in the middle."""
    links = _links(arm, seed)
    laid_out = arm.topology.name in LAID_OUT and links
    xy = _laid_out(arm.workers, links) if laid_out else _circle(arm.workers)
    middle = [(0.0, 0.0)] if servers == 1 else [(0.3 * x, 0.3 * y) for x, y in _circle(servers)]
    few = len(links) <= MOST_LINKS_EACH * arm.workers and arm.topology.name != "complete"
    return Places(xy + middle, links if few else [])


def _circle(count: int) -> list[tuple[float, float]]:
    if count == 1:
        return [(0.0, 0.0)]
    angles = [2 * math.pi * place / count for place in range(count)]
    return [(round(math.sin(angle), 4), round(-math.cos(angle), 4)) for angle in angles]


def _links(arm: Arm, seed: int) -> list[tuple[int, int]]:
    """Return the links of a graph that never changes and needs no file."""
    if arm.workers == 1 or not arm.topology.is_static or hasattr(arm.topology, "file"):
        return []
    try:
        with trusting(Trust(imports=False, files=False)):
            graph = arm.topology.build(arm.workers, seed).graph()
    except RunError:  # drawn, and not connected: the arm has failed
        return []
    return [(int(i), int(j)) for i, j in graph.edges if i != j]


def _laid_out(workers: int, links: list[tuple[int, int]]) -> list[tuple[float, float]]:
    import networkx as nx

    graph = nx.Graph(links)
    graph.add_nodes_from(range(workers))
    found = nx.kamada_kawai_layout(graph)
    xy = np.array([found[worker] for worker in range(workers)])
    xy -= (xy.max(axis=0) + xy.min(axis=0)) / 2
    return [(round(float(x), 4), round(float(y), 4)) for x, y in xy / np.abs(xy).max()]
