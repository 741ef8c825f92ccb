"""Matrices of an arm's graph, which another seed may draw otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...cluster.topology import Topology
from ...scenario.arm import Arm


def over_seeds(
    arm: Arm, seeds: Sequence[int], matrix: Callable[[Topology], np.ndarray], value: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Mean over the seeds' graphs of `value` of their `matrix`, computed once for graphs that are the same."""
    matrices = [matrix(arm.topology.build(arm.workers, seed)) for seed in seeds]
    values = {each.tobytes(): value(each) for each in {own.tobytes(): own for own in matrices}.values()}
    return np.mean([values[own.tobytes()] for own in matrices], axis=0)


def mixing(topology: Topology) -> np.ndarray:
    """W of x_i ← Σ_j W_ij x_j, dense."""
    return topology.mixing().toarray()


def contact(topology: Topology) -> np.ndarray:
    """P_ij, the probability that i chooses j: each of its neighbours is as likely."""
    chosen = np.zeros((topology.workers, topology.workers))
    for worker in range(topology.workers):
        neighbours = topology.neighbours(worker)
        chosen[worker, neighbours] = 1 / len(neighbours)
    return chosen
