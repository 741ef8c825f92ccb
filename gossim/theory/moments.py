"""Second moments of gossip: at each event a random matrix K multiplies the state, and E[yyᵀ] ← E[K yyᵀ Kᵀ].

The state y has 2M numbers in each dimension: what the M workers hold, and M that are on their way. With compute times
that are exponential and alike, and no latency, each gradient step is the next event, its worker is any of the M with
the same probability, and the K of different events are independent. All that is said here is exact then.

Every K has columns that sum to 1, so the sum of y stays; what decays is the part of y whose sum is 0.
Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms", for second moments of gossip; Iutzeler,
Ciblat, Hachem 2013, "Analysis of sum-weight-like algorithms for averaging in wireless sensor networks", for E[K ⊗ K].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse

Kind = Callable[[int, int, int | None], np.ndarray]
"""From M, the worker whose step it is, and its peer (None: it is silent) to K, `(2M, 2M)`."""


def push_event(workers: int, sender: int, peer: int | None) -> np.ndarray:
    """K, `(2M, 2M)`, of an event of `gosgd_push` on held and mailbox contents of α, or of αx: first those held.

    The sender's h_s is halved, the half goes to the peer's mailbox b_r, and the sender empties its own:
    h_s ← h_s + b_s.
    """
    matrix = np.eye(2 * workers)
    if peer is not None:
        matrix[sender] /= 2
        matrix[workers + peer] += matrix[sender]
    matrix[sender] += matrix[workers + sender]
    matrix[workers + sender] = 0
    return matrix


def pairwise_event(workers: int, first: int, peer: int | None) -> np.ndarray:
    """K, `(2M, 2M)`, of a contact in which both take (x_i + x_j)/2 at one instant; nothing is ever under way."""
    matrix = np.kron([[1.0, 1.0], [0.0, 0.0]], np.eye(workers))
    if peer is not None:
        matrix[[first, peer]] = (matrix[first] + matrix[peer]) / 2
    return matrix


def second_moment_map(kind: Kind, workers: int, probability: float = 1.0) -> np.ndarray:
    """E[K ⊗ K], `(4M², 4M²)`: the linear map on E[y ⊗ y], a worker sending with that probability, to any other.

    For M ≥ 2; there are 16 M⁴ numbers in it, so M ≤ 8 is meant. `spectral_radius` has the same for any M.
    """
    total = np.zeros(((2 * workers) ** 2,) * 2)
    for sender in range(workers):
        silent = kind(workers, sender, None)
        total += (1 - probability) / workers * np.kron(silent, silent)
        for peer in set(range(workers)) - {sender}:
            matrix = kind(workers, sender, peer)
            total += probability / workers / (workers - 1) * np.kron(matrix, matrix)
    return total


def decaying_part(moment_map: np.ndarray) -> np.ndarray:
    """`second_moment_map` where the sum of y is 0: on the y ⊗ y of an orthonormal basis, `((2M − 1)², (2M − 1)²)`."""
    states = round(len(moment_map) ** 0.5)
    basis = scipy.linalg.null_space(np.ones((1, states)))
    both = np.kron(basis, basis)
    return both.T @ moment_map @ both


def kinds_of_pairs(workers: int) -> np.ndarray:
    """0 to 5 for each pair of numbers of y, `(2M, 2M)`: which of six sums of second moments it belongs to.

    Held × held, held × under way, and under way × under way, of one worker (0, 1, 2) and of two (3, 4, 5).
    """
    way = np.repeat([0, 1], workers)
    worker = np.tile(np.arange(workers), 2)
    return way[:, None] + way + 3 * (worker[:, None] != worker)


def symmetric_map(kind: Kind, workers: int, probability: float = 1.0) -> np.ndarray:
    """The map of an event on the six sums of second moments of `kinds_of_pairs`, `(6, 6)`, for M ≥ 2.

    As workers are alike, E[K ⊗ K] commutes with their permutations, and the sums over each kind of pair follow a map of
    their own, whatever the state is. So it is found on moments that are alike within each kind, with one of each event.
    """
    kinds = kinds_of_pairs(workers)
    columns = []
    for number in range(6):
        spread = (kinds == number) / np.count_nonzero(kinds == number)
        columns.append(
            (1 - probability) * _sums(kind(workers, 0, None), spread, kinds)
            + probability * _sums(kind(workers, 0, 1), spread, kinds)
        )
    return np.array(columns).T


def spectral_radius(kind: Kind, workers: int, probability: float = 1.0) -> float:
    """The factor by which second moments of a state of sum 0 shrink at each event in the long run, for any M ≥ 2.

    The largest eigenvalue of a map that keeps moments positive belongs to a moment (Krein, Rutman 1948), and its mean
    over all permutations of workers belongs to it too: so it is among those of `symmetric_map`. (That sum is 0 means
    that the moments with all that is held, and with all that is under way, sum to 0.)
    """
    basis = scipy.linalg.null_space(np.array([[1, 0.5, 0, 1, 0.5, 0], [0, 0.5, 1, 0, 0.5, 1]]))
    return float(np.abs(scipy.linalg.eigvals(basis.T @ symmetric_map(kind, workers, probability) @ basis)).max())


def _sums(matrix: np.ndarray, moments: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Of K · moments · Kᵀ over each kind of pair, `(6,)`, with moments that are symmetric."""
    sparse = scipy.sparse.csr_array(matrix)  # few of its numbers are not 0, and M may be a thousand
    return np.bincount(kinds.ravel(), (sparse @ (sparse @ moments).T).ravel(), minlength=6)
