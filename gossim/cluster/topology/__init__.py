"""Who may send to whom, and with which weights neighbours are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.chosen import chosen_by
from .base import Topology, TopologySettings
from .base_graph import BaseK
from .exponential import OnePeerExponential, StaticExponential
from .matchings import GRAPHS, Matchings
from .regular_graphs import Complete

__all__ = ["TOPOLOGIES", "AnyTopology", "Complete", "Topology", "TopologySettings"]

TOPOLOGIES: dict[str, type[TopologySettings]] = {
    **GRAPHS,
    "static_exponential": StaticExponential,
    "one_peer_exponential": OnePeerExponential,
    "base_k": BaseK,
    "matchings": Matchings,
}


if TYPE_CHECKING:
    AnyTopology = TopologySettings
else:
    AnyTopology = chosen_by("name", TOPOLOGIES, alone=True)
