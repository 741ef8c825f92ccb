"""The weights α of sum-weight gossip."""

from __future__ import annotations

import numpy as np


def push_weights(mean_compute_s: np.ndarray) -> np.ndarray:
    """Share of the workers' weight α that each holds in the long run under `gosgd_push`, `(workers,)`, summing to 1.

    In the long run each gives away as much as it gets. It gives half of what it holds, at the rate p/τ_m of its pushes,
    τ_m the mean time of its gradients, and each of the M − 1 others is as likely to get that:
    p E[α_m]/(2τ_m) = Σ_{n≠m} p E[α_n]/(2τ_n)/(M − 1). So E[α_m]/τ_m is the same for all: a slow worker holds more.
    Exact for independent times of any law, where nothing is lost and all may send to all: α_m changes only between two
    gradients, so that it is independent of the time of the one it waits for, and its mean over time is that over steps.
    Source: the rate conservation law, Miyazawa 1994, "Rate conservation laws: a survey".
    """
    times = np.asarray(mean_compute_s, dtype=float)
    return times / times.sum()
