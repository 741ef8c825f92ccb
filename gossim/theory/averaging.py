"""Consensus distance of workers that average with their neighbours in a graph: E‖x_m − x̄‖², mean over the M workers.

As in `consensus`, every step adds independent noise of variance σ² (`step_variance`) to its worker's x, and all
workers start at the same x. P = I − J with J = (1/M) 11ᵀ projects onto what differs from the mean.
"""

from __future__ import annotations

import numpy as np


def mixing_consensus(eigenvalues: np.ndarray, step_variance: float, step_first: bool = False) -> float:
    """Return the stationary E‖x_m − x̄‖² of x ← Wx − ηz in rounds.

    With D = Px and Cov(D) = C, a round gives C ← WCW + σ²P. Each eigenvector i ≥ 2 of W has a variance of its own,
    c_i ← λ_i² c_i + σ², so (1/M) Σ_{i≥2} c_i = (σ²/M) Σ_{i≥2} 1/(1 − λ_i²). If the step comes first, c_i ← λ_i² (c_i
    + σ²): every term is multiplied by λ_i².

    Args:
        eigenvalues: All M eigenvalues of a symmetric W, `(M,)`. The rows of W sum to 1, so that λ₁ = 1 belongs to
            the mean. The others' modulus is below 1 if the graph is connected and W has a positive diagonal.
        step_variance: σ², in the unit of ‖x‖².
        step_first: Whether the round is x ← W(x − ηz).

    Source: Xiao, Boyd, Kim 2007, "Distributed average consensus with least-mean-square deviation".
    """
    return float(mixing_consensus_after(eigenvalues, step_variance, np.array([np.inf]), step_first)[0])


def mixing_consensus_after(
    eigenvalues: np.ndarray, step_variance: float, rounds: np.ndarray, step_first: bool = False
) -> np.ndarray:
    """Return E‖x_m − x̄‖² of `mixing_consensus` after a number of rounds from equal x: c_i = σ² (1 − λ_i^{2t})/(1 −
    λ_i²).

    Args:
        eigenvalues: All M eigenvalues of a symmetric W, `(M,)`.
        step_variance: σ², in the unit of ‖x‖².
        rounds: Numbers of rounds t, of any shape; `np.inf` is the stationary state.
        step_first: Whether the round is x ← W(x − ηz).

    Returns:
        An array of the shape of `rounds`.
    """
    squares = np.sort(eigenvalues)[:-1] ** 2  # without λ₁
    added = step_variance * (squares if step_first else np.ones_like(squares))
    grown = 1 - squares ** np.asarray(rounds, dtype=float)[..., None]
    return (added * grown / (1 - squares)).sum(axis=-1) / len(eigenvalues)


def contact_consensus_after(contact: np.ndarray, step_variance: float, steps: np.ndarray) -> np.ndarray:
    """Return E‖x_m − x̄‖² of averaging in pairs on a graph, from equal x.

    For a matrix W_ij that averages i and j, Cov(Px) = C goes to E[W_ij (C + σ² P e_i e_iᵀ P) W_ij], where i is any
    worker with probability 1/M: a linear map A on C, plus σ² B. Steps are a Poisson process, so dC/dn = (A − I) C +
    σ² B. A is symmetric, as every W_ij is, and its eigenvectors solve the equation. A has M⁴ numbers, which limits M
    to about 32. Exact for exponential compute times without latency.

    Args:
        contact: P_ij, `(M, M)`: the probability that i, having taken a step, chooses j. At once both take (x_i +
            x_j)/2.
        step_variance: σ², in the unit of ‖x‖².
        steps: Expected numbers of steps of all workers together, of any shape; `np.inf` is the stationary state.

    Returns:
        An array of the shape of `steps`.

    Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms", for E[W ⊗ W].
    """
    workers = len(contact)
    change, noise = np.zeros((workers**2, workers**2)), np.zeros(workers**2)
    centred = np.eye(workers) - 1 / workers
    for i, j in np.argwhere(contact):
        mixing = np.eye(workers)
        mixing[np.ix_([i, j], [i, j])] = 0.5
        both = np.kron(mixing, mixing)
        change += contact[i, j] / workers * both
        noise += contact[i, j] / workers * both @ np.kron(centred[i], centred[i])
    lost, modes = np.linalg.eigh(np.eye(workers**2) - change)
    decaying = lost > 1e-12  # the rest is the mean, which the noise B does not touch
    lost, modes = lost[decaying], modes[:, decaying]
    grown = -np.expm1(-np.multiply.outer(np.asarray(steps, dtype=float), lost)) / lost
    return step_variance * grown @ ((modes.T @ noise) * (modes.T @ np.eye(workers).ravel())) / workers
