"""The weights α of sum-weight gossip."""

from __future__ import annotations

import numpy as np


def push_weights(mean_compute_s: np.ndarray) -> np.ndarray:
    """Share of the workers' weight α that each holds in the long run under `gosgd_push`, `(workers,)`, summing to 1.

    A worker gives away α/2 at the rate p/τ of its pushes, and each gets what the others give, evenly: so α_m/τ_m is
    the same for all, and α_m is proportional to the mean time τ_m of a gradient. A slow worker holds more weight.
    """
    times = np.asarray(mean_compute_s, dtype=float)
    return times / times.sum()
