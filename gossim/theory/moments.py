"""Second moments of gossip: at each event a random matrix K multiplies the state, and E[yyᵀ] ← E[K yyᵀ Kᵀ].

The state y has 2M numbers in each dimension: what the M workers hold, and M that are in flight. With exponential
compute times of one law and no latency, each gradient step is the next event, any of the M workers takes it with the
same probability, and the K of different events are independent. Everything here is exact under that assumption.

The columns of every K sum to 1, so the sum of y is constant; what decays is the part of y whose sum is 0. Source:
Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms", for second moments of gossip; Iutzeler, Ciblat,
Hachem 2013, "Analysis of sum-weight-like algorithms for averaging in wireless sensor networks", for E[K ⊗ K].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse

EventMatrix = Callable[[int, int, int | None], np.ndarray]
"""From M, the worker whose step it is, and its peer (None: it is silent) to K, `(2M, 2M)`."""


def push_event(workers: int, sender: int, peer: int | None) -> np.ndarray:
    """Return K of an event of `gosgd_push`. It acts on the contents of α, or of αx: those held, then those in
    mailboxes.

    The sender's h_s is halved, the other half goes to the peer's mailbox b_r, and the sender empties its own
    mailbox: h_s ← h_s + b_s.

    Args:
        workers: M.
        sender: The worker that takes the step.
        peer: The worker that it sends to; None if it sends nothing.

    Returns:
        K, `(2M, 2M)`.
    """
    matrix = np.eye(2 * workers)
    if peer is not None:
        matrix[sender] /= 2
        matrix[workers + peer] += matrix[sender]
    matrix[sender] += matrix[workers + sender]
    matrix[workers + sender] = 0
    return matrix


def pairwise_event(workers: int, first: int, peer: int | None) -> np.ndarray:
    """Return K, `(2M, 2M)`, of a contact in which both take (x_i + x_j)/2 at one instant. Nothing is ever in flight.

    The arguments are those of `push_event`.
    """
    matrix = np.kron([[1.0, 1.0], [0.0, 0.0]], np.eye(workers))
    if peer is not None:
        matrix[[first, peer]] = (matrix[first] + matrix[peer]) / 2
    return matrix


def second_moment_map(kind: EventMatrix, workers: int, probability: float = 1.0) -> np.ndarray:
    """Return E[K ⊗ K], the linear map of one event on E[y ⊗ y].

    It has 16 M⁴ numbers, which limits M to about 8. `spectral_radius` gives the rate for any M.

    Args:
        kind: `push_event` or `pairwise_event`.
        workers: M ≥ 2.
        probability: Of sending after a step, to any other worker alike.

    Returns:
        An array of shape `(4M², 4M²)`.
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
    """Return a `second_moment_map` on the states whose sum is 0, in an orthonormal basis of them.

    Args:
        moment_map: As `second_moment_map` returns it, `(4M², 4M²)`.

    Returns:
        An array of shape `((2M − 1)², (2M − 1)²)`.
    """
    states = round(len(moment_map) ** 0.5)
    basis = scipy.linalg.null_space(np.ones((1, states)))
    both = np.kron(basis, basis)
    return both.T @ moment_map @ both


def kinds_of_pairs(workers: int) -> np.ndarray:
    """Return which of six sums of second moments each pair of numbers of y belongs to, as 0 to 5, `(2M, 2M)`.

    Held × held, held × in flight, and in flight × in flight: of one worker (0, 1, 2) and of two (3, 4, 5).
    """
    way = np.repeat([0, 1], workers)
    worker = np.tile(np.arange(workers), 2)
    return way[:, None] + way + 3 * (worker[:, None] != worker)


def symmetric_map(kind: EventMatrix, workers: int, probability: float = 1.0) -> np.ndarray:
    """Return the map of one event on the six sums of second moments of `kinds_of_pairs`, `(6, 6)`.

    Workers are alike, so E[K ⊗ K] commutes with their permutations, and the sums over each kind of pair follow a map
    of their own, whatever the state is. It is therefore found on moments that are equal within each kind, with one
    event of each sort.

    Args:
        kind: `push_event` or `pairwise_event`.
        workers: M ≥ 2.
        probability: Of sending after a step, to any other worker alike.
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


def spectral_radius(kind: EventMatrix, workers: int, probability: float = 1.0) -> float:
    """Return the factor by which second moments of a state of sum 0 shrink at each event in the long run, for any M ≥
    2.

    The largest eigenvalue of a map that keeps moments positive belongs to a moment (Krein, Rutman 1948). The mean of
    that moment over all permutations of workers belongs to it too, so the eigenvalue is among those of
    `symmetric_map`. That the sum is 0 means that the moments with all that is held, and those with all that is in
    flight, sum to 0. The arguments are those of `symmetric_map`.
    """
    basis = scipy.linalg.null_space(np.array([[1, 0.5, 0, 1, 0.5, 0], [0, 0.5, 1, 0, 0.5, 1]]))
    return float(np.abs(scipy.linalg.eigvals(basis.T @ symmetric_map(kind, workers, probability) @ basis)).max())


def _sums(matrix: np.ndarray, moments: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return the sums of K · moments · Kᵀ over each kind of pair, `(6,)`, for symmetric moments."""
    sparse = scipy.sparse.csr_array(matrix)  # few of its numbers are not 0, and M may be a thousand
    return np.bincount(kinds.ravel(), (sparse @ (sparse @ moments).T).ravel(), minlength=6)
