"""Second eigenvalues of mixing matrices."""

from __future__ import annotations

import math

import numpy as np


def ring_second_eigenvalue(workers: int) -> float:
    """Return |λ₂| = 1/3 + 2/3 cos(2π/M) of Metropolis–Hastings on a ring, M ≥ 3: a circulant matrix with weights 1/3.

    Source: Davis 1979, Circulant matrices; Boyd, Ghosh, Prabhakar, Shah 2006 for the order 1/M² of the gap.
    """
    return 1 / 3 + 2 / 3 * math.cos(2 * math.pi / workers)


def torus_second_eigenvalue(rows: int, columns: int) -> float:
    """Return |λ₂| = (3 + 2 cos(2π/c))/5 of Metropolis–Hastings on a torus with both sides ≥ 3, c the longer one.

    The eigenvalues of the product of two rings add: (1 + 2 cos(2πa/r) + 2 cos(2πb/c))/5.

    Source: Chung 1997, Spectral graph theory.
    """
    return (3 + 2 * math.cos(2 * math.pi / max(rows, columns))) / 5


def star_second_eigenvalue(workers: int) -> float:
    """Return λ₂ = 1 − 1/M of Metropolis–Hastings on a star, M ≥ 3: W = I − L/M, and L has the eigenvalues 0, 1 and M.

    Source: Chung 1997, Spectral graph theory, for the eigenvalues of L.
    """
    return 1 - 1 / workers


def hypercube_second_eigenvalue(dimension: int) -> float:
    """Return |λ₂| = (d − 1)/(d + 1) of Metropolis–Hastings on the d-cube. The eigenvalues are 1 − 2k/(d + 1), k = 0 …
    d.

    Source: Chung 1997, Spectral graph theory, for the eigenvalues 2k of L.
    """
    return (dimension - 1) / (dimension + 1)


def exponential_second_eigenvalue(workers: int) -> float:
    """Return |λ₂| = (τ − 1)/(τ + 1), τ = ⌈lg M⌉, of the static exponential graph for even M.

    Source: Ying et al. 2021, arXiv:2110.13363.
    """
    hops = math.ceil(math.log2(workers))
    return (hops - 1) / (hops + 1)


def random_regular_second_eigenvalue(degree: int) -> float:
    """Return the limit of |λ₂| of Metropolis–Hastings on a random d-regular graph, d ≥ 3, as M grows: (1 + 2√(d −
    1))/(d + 1).

    Source: Friedman 2008, "A proof of Alon's second eigenvalue conjecture".
    """
    return (1 + 2 * math.sqrt(degree - 1)) / (degree + 1)


def pairwise_averaging(contact: np.ndarray) -> np.ndarray:
    """Return E[W] = I − (D − (P + Pᵀ))/(2M) of random pairwise averaging, where D_ii = Σ_j (P_ij + P_ji).

    Such a W is a projection, so E[WᵀW] = E[W], and each contact multiplies E Σ ‖x_i − x̄‖² by at most λ₂(E[W]).

    Args:
        contact: P_ij, `(M, M)`: the probability that i chooses j. The next worker to choose is any of the M with the
            same probability; then both take (x_i + x_j)/2.

    Returns:
        E[W], `(M, M)`.

    Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms".
    """
    both = contact + contact.T
    return np.eye(len(both)) - (np.diag(both.sum(axis=1)) - both) / (2 * len(both))


def complete_pairwise_second_eigenvalue(workers: int) -> float:
    """Return λ₂ = 1 − 1/(M − 1) of random pairwise averaging on the complete graph, where P = (11ᵀ − I)/(M − 1).

    All eigenvalues but the first are equal to it.

    Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms".
    """
    return 1 - 1 / (workers - 1)
