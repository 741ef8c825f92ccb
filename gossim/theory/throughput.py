"""Gradient steps per second of all workers together, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .order_statistics import slowest_moments


def ring_allreduce_s(workers: int, size_bytes: float, latency_s: float, bandwidth_bytes_per_s: float) -> float:
    """Return the seconds of a ring all-reduce: 2(M−1)·latency + 2(M−1)/M · bytes/bandwidth.

    Source: Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations".
    """
    return 2 * (workers - 1) * (latency_s + size_bytes / workers / bandwidth_bytes_per_s)


def synchronous_steps_per_s(law: Any, factors: Sequence[float], collective_s: float) -> float:
    """Return M/(E[max of M compute times] + `collective_s`). Exact in the long run: rounds are independent and alike.

    Args:
        law: A frozen distribution of scipy.stats, of compute times in seconds.
        factors: Of each worker, what multiplies its draws, `(M,)`.
        collective_s: Time of the collective.

    Source: the renewal theorem; `slowest_moments`.
    """
    slowest_s, _ = slowest_moments(law, factors)
    return len(factors) / (slowest_s + collective_s)


def push_steps_per_s(mean_compute_s: np.ndarray) -> float:
    """Return Σ_m 1/E[T_m] of workers that never wait, as in `gosgd_push`. Exact in the long run, whatever the network
    does.

    Args:
        mean_compute_s: E[T_m], mean compute times in seconds, `(M,)`.

    Source: the renewal theorem, Cox 1962, Renewal Theory.
    """
    return float(np.sum(1 / np.asarray(mean_compute_s, dtype=float)))


def pull_steps_per_s(mean_compute_s: np.ndarray, probability: float, latency_s: float, transfer_s: float) -> float:
    """Return Σ_m 1/(E[T_m] + p (2 latency + transfer)) of `gosgd_pull`: a request, and an answer that carries
    parameters.

    Exact in the long run if all links are alike, transfers do not share bandwidth, and no message is lost.

    Args:
        mean_compute_s: E[T_m], mean compute times in seconds, `(M,)`.
        probability: p, of a pull before a step.
        latency_s: Latency of the request, and of the answer.
        transfer_s: Time that the answer's bytes take.

    Source: the renewal theorem, Cox 1962, Renewal Theory.
    """
    times = np.asarray(mean_compute_s, dtype=float)
    return float(np.sum(1 / (times + probability * (2 * latency_s + transfer_s))))
