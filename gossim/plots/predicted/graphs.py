"""Matrices of an arm's graph, which another seed may draw otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...cluster.topology import Topology
from ...scenario.arm import Arm


def over_seeds(
    arm: Arm, seeds: Sequence[int], matrix: Callable[[Topology], np.ndarray], value: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return the mean of `value` over the `matrix` of each seed's graph, computed once for equal graphs."""
    matrices = [matrix(arm.topology.build(arm.workers, seed)) for seed in seeds]
    values = {each.tobytes(): value(each) for each in {own.tobytes(): own for own in matrices}.values()}
    return np.mean([values[own.tobytes()] for own in matrices], axis=0)


def mixing(topology: Topology) -> np.ndarray:
    """Return W of x_i ← Σ_j W_ij x_j as a dense matrix."""
    return topology.mixing().toarray()


def contact(topology: Topology) -> np.ndarray:
    """Return P_ij, the probability that i chooses j, which is equal for all its neighbours."""
    chosen = np.zeros((topology.workers, topology.workers))
    for worker in range(topology.workers):
        neighbours = topology.neighbours(worker)
        chosen[worker, neighbours] = 1 / len(neighbours)
    return chosen
