"""The largest and the k-th of several random times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.integrate import quad


def harmonic(n: int) -> float:
    """Return H_n = 1 + 1/2 + … + 1/n."""
    return math.fsum(1 / k for k in range(1, n + 1))


def expected_maximum_exponential(mean_s: float, workers: int) -> float:
    """Return E[max of M] = mean · H_M for exponential times. Source: David and Nagaraja 2003, Order Statistics."""
    return mean_s * harmonic(workers)


def expected_order_statistic_exponential(mean_s: float, workers: int, rank: int) -> float:
    """Return E[k-th smallest of M] = mean · (H_M − H_{M−k}) for exponential times, where k is `rank`, from 1 to M.

    Source: David and Nagaraja 2003, Order Statistics.
    """
    return mean_s * (harmonic(workers) - harmonic(workers - rank))


def expected_maximum_pareto(shape: float, scale_s: float, workers: int) -> float:
    """Return E[max of M] = scale · Γ(M+1) Γ(1 − 1/b) / Γ(M + 1 − 1/b) for Pareto times with shape b > 1.

    Source: David and Nagaraja 2003, Order Statistics.
    """
    return scale_s * math.exp(
        math.lgamma(workers + 1) + math.lgamma(1 - 1 / shape) - math.lgamma(workers + 1 - 1 / shape)
    )


def maximum_moments(law: Any, workers: int) -> tuple[float, float]:
    """Return the mean and the standard deviation of the largest of M independent draws.

    E[max] = ∫ (1 − F(t)^M) dt and E[max²] = ∫ 2t (1 − F(t)^M) dt.

    Args:
        law: A frozen distribution of scipy.stats on [0, ∞).
        workers: M.

    Source: David and Nagaraja 2003, Order Statistics.
    """
    return slowest_moments(law, [1.0] * workers)


def slowest_moments(law: Any, factors: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation of max_m f_m T_m, with independent draws T_m of one law.

    P(max ≤ t) = Π_m F(t/f_m), so E[max] = ∫ (1 − Π_m F(t/f_m)) dt, and with 2t for its square. Where factors lie far
    apart, the quantiles of each worker show the integration where the mass is.

    Args:
        law: A frozen distribution of scipy.stats on [0, ∞).
        factors: f_m of each worker, `(M,)`.

    Source: David and Nagaraja 2003, Order Statistics.
    """
    # Beyond this quantile the integrand is below 1e-12.
    known, counts = np.unique(np.asarray(factors, dtype=float), return_counts=True)
    end = float(known.max() * law.isf(1e-13 / counts.sum()))
    quantiles = [float(law.ppf(q)) for q in (0.5, 0.99, 1 - 1e-6)]
    points = sorted({factor * t for factor in known for t in quantiles if factor * t < end})

    def survival(t: float) -> float:
        return -math.expm1(float(np.sum(counts * law.logcdf(t / known)))) if t > 0 else 1.0

    mean, _ = quad(survival, 0, end, points=points, limit=500 + len(points))
    square, _ = quad(lambda t: 2 * t * survival(t), 0, end, points=points, limit=500 + len(points))
    return mean, math.sqrt(square - mean**2)
