"""Gradient steps per second, of all workers together, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .order_statistics import slowest_moments


def ring_allreduce_s(workers: int, size_bytes: float, latency_s: float, bandwidth_bytes_per_s: float) -> float:
    """2(M−1)·latency + 2(M−1)/M · bytes/bandwidth. Source: Patarasuk and Yuan 2009."""
    return 2 * (workers - 1) * (latency_s + size_bytes / workers / bandwidth_bytes_per_s)


def synchronous_steps_per_s(law: Any, factors: Sequence[float], collective_s: float) -> float:
    """M/(E[max of M compute times] + `collective_s`): worker m takes `factors[m]` times a draw from a scipy law.

    Exact in the long run: rounds are independent and alike. Source: the renewal theorem; `slowest_moments`.
    """
    slowest_s, _ = slowest_moments(law, factors)
    return len(factors) / (slowest_s + collective_s)


def push_steps_per_s(mean_compute_s: np.ndarray) -> float:
    """Σ_m 1/E[T_m] of those who never wait, as in `gosgd_push`; mean compute times in seconds, `(workers,)`.

    Exact in the long run, whatever the network does. Source: the renewal theorem, Cox 1962, Renewal Theory.
    """
    return float(np.sum(1 / np.asarray(mean_compute_s, dtype=float)))


def pull_steps_per_s(mean_compute_s: np.ndarray, probability: float, latency_s: float, transfer_s: float) -> float:
    """Σ_m 1/(E[T_m] + p (2 latency + transfer)) of `gosgd_pull`: the request's latency, the answer's, its bytes.

    Exact in the long run where every link is alike, transfers do not share bandwidth, and nothing is lost.
    Source: the renewal theorem, Cox 1962, Renewal Theory.
    """
    times = np.asarray(mean_compute_s, dtype=float)
    return float(np.sum(1 / (times + probability * (2 * latency_s + transfer_s))))
