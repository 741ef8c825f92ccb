"""Published and closed forms: effective neighbours and rates of topologies, and the largest of several times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from scipy.optimize import brentq, minimize_scalar

from gossim import theory
from gossim.cluster.topology import AnyTopology

from .row import TOTAL, Row
from .simulation import arm_of, ran

NODES, DECAY, NOISE = 32, 0.9, 50
"""M, γ and ζ of the published figures."""

PUBLISHED: dict[str, tuple[dict[str, Any], float, float]] = {
    "ring": ({"name": "ring"}, 6.632, 0.1257),
    "torus 4 × 8": ({"name": "torus"}, 15.739, 0.2140),
    "hypercube": ({"name": "hypercube"}, 19.636, 0.2436),
    "static exponential": ({"name": "static_exponential"}, 20.400, 0.2494),
    "star": ({"name": "star"}, 1.674, 0.0588),
    "complete": ({"name": "complete"}, 32.0, 0.3950),
}
"""Effective neighbours and best rate of each topology, from arXiv:2206.03093."""

ROUNDS = 1500


def neighbour_rows() -> Iterator[Row]:
    """Yield, from gossim's own mixing matrices, both figures of each topology."""
    for name, (topology, neighbours, rate) in PUBLISHED.items():
        own = TypeAdapter(AnyTopology).validate_python(topology).build(NODES, 0)
        squares = np.abs(np.linalg.eigvals(own.mixing().toarray())) ** 2
        part = "effective neighbours, published"
        yield Row(part, name, "neighbours", neighbours, effective_neighbours(squares, DECAY), 0.001)
        yield Row(part, name, "best rate", rate, best_rate(squares), 0.001)


def effective_neighbours(squares: np.ndarray, decay: float) -> float:
    """Return n_W(γ) = M / Σ_i (1 − γ) λ_i² / (1 − γ λ_i²), for a normal W whose |λ_i|² are `squares`, `(M,)`.

    Source: Vogels, Hendrikx, Jaggi 2022, arXiv:2206.03093.
    """
    return float(len(squares) / np.sum((1 - decay) * squares / (1 - decay * squares)))


def best_rate(squares: np.ndarray) -> float:
    """Return the largest r over η with 1 − r = (1 − η)² + (ζ − 1) η² / n_W((1 − η)²/(1 − r)).

    Source: the same, of D-SGD on isotropic quadratics.
    """
    tried = np.linspace(0.01, 0.6, 60)
    best = int(np.argmax([_rate(squares, eta) for eta in tried]))
    around = (tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)])
    found = minimize_scalar(lambda eta: -_rate(squares, eta), bounds=around, options={"xatol": 1e-6}, method="bounded")
    return float(-found.fun)


def _rate(squares: np.ndarray, eta: float) -> float:
    def lacking(rate: float) -> float:
        noise = (NOISE - 1) * eta**2 / effective_neighbours(squares, (1 - eta) ** 2 / (1 - rate))
        return (1 - rate) - (1 - eta) ** 2 - noise

    grid = np.linspace(1e-6, 1 - (1 - eta) ** 2 - 1e-9, 60)
    signs = np.sign([lacking(rate) for rate in grid])
    changes = np.flatnonzero(signs[:-1] != signs[1:])
    return max((float(brentq(lacking, grid[k], grid[k + 1])) for k in changes), default=0.0)


def order_statistic_rows() -> Iterator[Row]:
    """Yield the mean time of a round of all-reduce: that of the last worker that is awaited."""
    for workers, backup in ((8, 0), (32, 0), (32, 4)):
        expected = theory.expected_order_statistic_exponential(0.1, workers, workers - backup)
        name = f"exponential times, M = {workers}" + (f", without the last {backup}" if backup else "")
        found = _round_s(workers, {"distribution": "expon", "scale": 0.1}, backup)
        yield Row("order statistics", name, "round [s]", expected, found, TOTAL)
    from scipy.stats import lognorm

    for workers in (8, 32):
        expected, _ = theory.maximum_moments(lognorm(0.25, scale=0.1), workers)
        found = _round_s(workers, {"distribution": "lognorm", "s": 0.25, "scale": 0.1}, 0)
        yield Row("order statistics", f"lognormal times, M = {workers}", "round [s]", expected, found, TOTAL)


def _round_s(workers: int, law: dict[str, Any], backup: int) -> float:
    algorithm = {"name": "allreduce", "collective": "ring", "backup": backup}
    links = {"latency_s": 0.0, "bandwidth_bytes_per_s": None, "message_bytes": 8}
    arm = arm_of(workers, algorithm, links, ROUNDS * 0.2, {"time_s": law})
    world = ran(arm, 0, timeline=False)
    rounds = world.gradient_steps / (workers - backup)
    return world.clock.now_s / rounds
