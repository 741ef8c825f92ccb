"""Mixing matrices: the weights W of x_i ← Σ_j W_ij x_j, `(workers, workers)`, sparse.

W_ij is what worker i gives to the parameters of worker j, from whom an edge j → i leads to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import networkx as nx
    from scipy.sparse import csr_array

ROUNDING = 1e-9
"""How far a sum of weights may be from 1."""


def metropolis_hastings(graph: nx.Graph) -> csr_array:
    """Return the Metropolis–Hastings matrix: W_ij = 1/(1 + max(d_i, d_j)) for neighbours of degrees d, W_ii = 1 − Σ_j
    W_ij.

    Symmetric and doubly stochastic on any undirected graph, with a positive diagonal. A worker needs to know only
    the degrees of its neighbours. Source: Xiao, Boyd, Lall 2005, "A scheme for robust distributed sensor fusion
    based on average consensus".
    """
    hearers, heard = hearing(graph)
    degrees = np.bincount(hearers, minlength=len(graph))
    return completed(len(graph), hearers, heard, 1 / (1 + np.maximum(degrees[hearers], degrees[heard])))


def uniform(graph: nx.Graph) -> csr_array:
    """Return W_ij = 1/(d_i + 1) for i itself and the d_i workers that i hears: each row sums to 1.

    Doubly stochastic if every worker hears d workers and is heard by d.
    """
    hearers, heard = hearing(graph)
    degrees = np.bincount(hearers, minlength=len(graph))
    return completed(len(graph), hearers, heard, 1 / (1 + degrees[hearers]))


def lazy(graph: nx.Graph) -> csr_array:
    """Return (I + W)/2 with the Metropolis–Hastings W, which has no negative eigenvalue."""
    from scipy.sparse import csr_array, eye_array

    weights = metropolis_hastings(graph)
    return csr_array((eye_array(weights.shape[0]) + weights) / 2)


def push_sum(graph: nx.Graph) -> csr_array:
    """Return W_ij = 1/(d_j + 1) for j itself and the d_j workers to which j sends: each column sums to 1, so that
    nothing is lost.

    Workers carry a weight that is mixed in the same way, and divide by it. Source: Kempe, Dobra, Gehrke 2003,
    "Gossip-based computation of aggregate information"; Assran et al. 2019, arXiv:1811.10792.
    """
    return uniform(graph.reverse() if graph.is_directed() else graph).T.tocsr()


UNDIRECTED_MIXING = ("metropolis_hastings", "uniform", "lazy", "push_sum")
DIRECTED_MIXING = ("uniform", "push_sum")

MIXING: dict[str, Callable[[Any], csr_array]] = {
    "metropolis_hastings": metropolis_hastings,
    "uniform": uniform,
    "lazy": lazy,
    "push_sum": push_sum,
}


def hearing(graph: nx.Graph) -> tuple[np.ndarray, np.ndarray]:
    """Return i and j of each edge j → i, by which i hears j."""
    import networkx as nx

    links = nx.to_scipy_sparse_array(graph, nodelist=range(len(graph)), weight=None, format="coo")
    return links.col, links.row


def completed(workers: int, hearers: np.ndarray, heard: np.ndarray, weights: np.ndarray) -> csr_array:
    """Return the matrix with these weights, and on the diagonal what each row lacks to sum to 1."""
    from scipy.sparse import csr_array

    everyone = np.arange(workers)
    kept = 1 - np.bincount(hearers, weights, minlength=workers)
    rows, columns = np.concatenate([hearers, everyone]), np.concatenate([heard, everyone])
    return csr_array((np.concatenate([weights, kept]), (rows, columns)), shape=(workers, workers))


def row_stochastic(matrix: csr_array) -> bool:
    """Return whether no weight is negative and each row sums to 1: workers that agree continue to agree."""
    return bool(matrix.min() >= -ROUNDING and np.allclose(matrix.sum(axis=1), 1, rtol=0, atol=ROUNDING))


def column_stochastic(matrix: csr_array) -> bool:
    """Return whether no weight is negative and each column sums to 1: the sum over workers is constant."""
    return row_stochastic(matrix.T)


def doubly_stochastic(matrix: csr_array) -> bool:
    return row_stochastic(matrix) and column_stochastic(matrix)


def symmetric(matrix: csr_array) -> bool:
    return bool(abs(matrix - matrix.T).max() <= ROUNDING)
