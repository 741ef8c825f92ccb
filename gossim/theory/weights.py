"""The weights α of sum-weight gossip."""

from __future__ import annotations

import numpy as np


def push_weights(mean_compute_s: np.ndarray) -> np.ndarray:
    """Return the share of α that each worker holds in the long run under `gosgd_push`: τ_m/Σ τ. A slow worker holds
    more.

    In the long run each worker gives away as much as it receives. It gives half of what it holds, at the rate p/τ_m
    of its pushes, and each of the M − 1 others receives it with the same probability: p E[α_m]/(2τ_m) = Σ_{n≠m} p
    E[α_n]/(2τ_n)/(M − 1). So E[α_m]/τ_m is the same for all. Exact for independent times of any law, if no message
    is lost and all may send to all: α_m changes only between two gradients, so it is independent of the gradient
    under way, and its mean over time is its mean over steps.

    Args:
        mean_compute_s: τ_m, mean compute times in seconds, `(M,)`.

    Returns:
        Shares, `(M,)`, that sum to 1.

    Source: the rate conservation law, Miyazawa 1994, "Rate conservation laws: a survey".
    """
    times = np.asarray(mean_compute_s, dtype=float)
    return times / times.sum()
