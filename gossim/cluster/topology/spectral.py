"""How fast a mixing matrix brings workers together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import RunError
from .mixing import symmetric

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE = 1024
"""Workers up to whom all eigenvalues are computed, which is exact and takes a second; beyond, ARPACK finds two."""


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


def spectrum(matrix: csr_array | np.ndarray) -> np.ndarray:
    """Return all eigenvalues of a symmetric mixing matrix, `(M,)`, ascending: the last is 1. Dense, O(M³)."""
    if not symmetric(matrix):
        raise ValueError("the mixing matrix is not symmetric")
    return np.linalg.eigvalsh(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())


def worst_deviation(matrix: csr_array) -> float:
    """Return ‖W − J‖₂, J = (1/M) 11ᵀ: the largest share of disagreement that one application leaves. Dense, O(M³)."""
    return float(np.linalg.norm(matrix.toarray() - 1 / matrix.shape[0], 2))
