"""How fast a mixing matrix brings workers together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...errors import RunError
from .mixing import symmetric

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE = 1024
"""Workers up to whom all eigenvalues are computed, which is exact and takes a second; beyond, ARPACK finds two."""


class HasNeighbours(Protocol):
    """A topology as far as its links are concerned."""

    workers: int

    def neighbours(self, worker: int, round: int = 0) -> Sequence[int]: ...

    def __hash__(self) -> int: ...


def second_modulus(matrix: csr_array) -> float:
    """Return |λ₂|, the second largest modulus among the eigenvalues of a stochastic matrix, whose largest is 1.

    Raises:
        RunError: If ARPACK does not converge, as on large graphs with a very small gap, such as rings.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, eigs, eigsh

    workers, even = matrix.shape[0], symmetric(matrix)
    if workers == 1:
        return 0.0
    if workers <= DENSE:
        dense = matrix.toarray()
        eigenvalues = np.linalg.eigvalsh(dense) if even else np.linalg.eigvals(dense)
    else:
        # ARPACK would start from a random vector of a global generator.
        start = np.cos(np.arange(workers) ** 2)
        try:
            eigenvalues = (eigsh if even else eigs)(matrix, k=2, which="LM", v0=start, return_eigenvectors=False)
        except ArpackNoConvergence:
            raise RunError(
                f"the second eigenvalue of the mixing matrix of {workers} workers is too near the first to be computed"
            ) from None
    return float(np.sort(np.abs(eigenvalues))[-2])


def smallest_eigenvalue(matrix: csr_array) -> float:
    """Return λ_min of a symmetric mixing matrix."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    workers = matrix.shape[0]
    if workers <= DENSE:
        return float(np.linalg.eigvalsh(matrix.toarray())[0])
    start = np.cos(np.arange(workers) ** 2)  # ARPACK's own would be drawn
    try:
        return float(eigsh(matrix, k=1, which="SA", v0=start, return_eigenvectors=False)[0])
    except ArpackNoConvergence:
        raise RunError(
            f"the smallest eigenvalue of the mixing matrix of {workers} workers could not be computed"
        ) from None


@lru_cache(maxsize=16)
def acceleration(topology: HasNeighbours, exchanges: float) -> tuple[float, float]:
    """Return η = 1/(2√(χ₁χ₂)) and α̃ = ½√(χ₁/χ₂) of A²CiD². Dense, O(M³).

    χ₁ = 1/λ₂(L), and χ₂ is half the largest effective resistance of an edge, of the Laplacian L in which edge (i, j)
    has the rate of its exchanges, e(1/d_i + 1/d_j). Source: Nabli et al. 2023, arXiv:2306.08289, and its public code.

    Args:
        topology: An undirected graph, the same in every round.
        exchanges: e, how many each worker begins in a unit of time.
    """
    heard = [topology.neighbours(worker) for worker in range(topology.workers)]
    laplacian = np.zeros((len(heard), len(heard)))
    for i, others in enumerate(heard):
        for j in others:
            rate = exchanges * (1 / len(others) + 1 / len(heard[j]))
            laplacian[i, j] -= rate
            laplacian[i, i] += rate
    inverse = np.linalg.pinv(laplacian, hermitian=True)
    resistances = [inverse[i, i] + inverse[j, j] - 2 * inverse[i, j] for i, others in enumerate(heard) for j in others]
    chi_1, chi_2 = 1 / float(np.linalg.eigvalsh(laplacian)[1]), max(resistances) / 2
    return 1 / (2 * math.sqrt(chi_1 * chi_2)), math.sqrt(chi_1 / chi_2) / 2


def spectrum(matrix: csr_array | np.ndarray) -> np.ndarray:
    """Return all eigenvalues of a symmetric mixing matrix, `(M,)`, ascending: the last is 1. Dense, O(M³)."""
    if not symmetric(matrix):
        raise ValueError("the mixing matrix is not symmetric")
    return np.linalg.eigvalsh(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())


def worst_deviation(matrix: csr_array) -> float:
    """Return ‖W − J‖₂, J = (1/M) 11ᵀ: the largest share of disagreement that one application leaves. Dense, O(M³)."""
    return float(np.linalg.norm(matrix.toarray() - 1 / matrix.shape[0], 2))
