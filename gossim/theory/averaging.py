"""How far apart workers are that average with their neighbours in a graph: E‖x_m − x̄‖², mean over the M workers.

As in `consensus`, every step adds to its worker's x noise of variance σ², `step_variance`, independent of all else, and
all start at one x. P = I − J, J = (1/M) 11ᵀ, leaves what differs from the mean.
"""

from __future__ import annotations

import numpy as np


def mixing_consensus(eigenvalues: np.ndarray, step_variance: float, step_first: bool = False) -> float:
    """Stationary E‖x_m − x̄‖² of x ← Wx − ηz in rounds; with `step_first`, of x ← W(x − ηz).

    `eigenvalues`: all M of a symmetric W, `(M,)`. Its rows sum to 1, so that λ₁ = 1 belongs to the mean, and the
    others' modulus is below 1 where the graph is connected and W has a positive diagonal. With D = Px and
    Cov(D) = C, C ← WCW + σ²P, in which each eigenvector i ≥ 2 of W has a variance of its own, c_i ← λ_i² c_i + σ²: so
    (1/M) Σ_{i≥2} c_i = (σ²/M) Σ_{i≥2} 1/(1 − λ_i²). With the step first c_i ← λ_i² (c_i + σ²), and so λ_i² times that.
    Source: Xiao, Boyd, Kim 2007, "Distributed average consensus with least-mean-square deviation".
    """
    return float(mixing_consensus_after(eigenvalues, step_variance, np.array([np.inf]), step_first)[0])


def mixing_consensus_after(
    eigenvalues: np.ndarray, step_variance: float, rounds: np.ndarray, step_first: bool = False
) -> np.ndarray:
    """The same after `rounds` rounds from equal x: c_i = σ² (1 − λ_i^{2t})/(1 − λ_i²), the shape of `rounds`."""
    squares = np.sort(eigenvalues)[:-1] ** 2  # without λ₁
    added = step_variance * (squares if step_first else np.ones_like(squares))
    grown = 1 - squares ** np.asarray(rounds, dtype=float)[..., None]
    return (added * grown / (1 - squares)).sum(axis=-1) / len(eigenvalues)


def contact_consensus_after(contact: np.ndarray, step_variance: float, steps: np.ndarray) -> np.ndarray:
    """E‖x_m − x̄‖² of averaging in pairs on a graph, when `steps` steps of all workers are expected, from equal x: the
    shape of `steps`. np.inf is the stationary state.

    `contact` P_ij, `(M, M)`: the probability that i, having taken a step, chooses j; at once both take (x_i + x_j)/2.
    For W_ij that does so, Cov(Px) = C goes to E[W_ij (C + σ² P e_i e_iᵀ P) W_ij], i any worker with probability 1/M: a
    linear map A on C, and σ² B. As steps are a Poisson process, dC/dn = (A − I) C + σ² B, which the eigenvectors of
    A solve, symmetric as every W_ij. It has M⁴ numbers: M ≤ 32 is meant. Exact for exponential times, without latency.
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
