"""Closed forms that the simulator is tested against, each with its source."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.integrate import quad


def harmonic(n: int) -> float:
    """H_n = 1 + 1/2 + … + 1/n."""
    return math.fsum(1 / k for k in range(1, n + 1))


def expected_maximum_exponential(mean_s: float, workers: int) -> float:
    """E[max of M] = mean · H_M for exponential times. Source: David and Nagaraja 2003, Order Statistics."""
    return mean_s * harmonic(workers)


def expected_order_statistic_exponential(mean_s: float, workers: int, rank: int) -> float:
    """E[k-th smallest of M] = mean · (H_M − H_{M−k}) for exponential times. Source: David and Nagaraja 2003."""
    return mean_s * (harmonic(workers) - harmonic(workers - rank))


def expected_maximum_pareto(shape: float, scale_s: float, workers: int) -> float:
    """E[max of M] = scale · Γ(M+1) Γ(1 − 1/b) / Γ(M + 1 − 1/b) for Pareto times with shape b > 1.

    Source: David and Nagaraja 2003, Order Statistics.
    """
    return scale_s * math.exp(
        math.lgamma(workers + 1) + math.lgamma(1 - 1 / shape) - math.lgamma(workers + 1 - 1 / shape)
    )


def slow_share(mean_between_s: float, mean_length_s: float) -> float:
    """Share of time in a slow spell: L/(L + B), the stationary law of a two-state Markov process."""
    return mean_length_s / (mean_length_s + mean_between_s)


def slow_share_deviation(mean_between_s: float, mean_length_s: float, time_s: float) -> float:
    """Standard deviation of the share of a long `time_s` spent in slow spells: √(2 B² L² / ((B + L)³ T)).

    From the autocovariance π(1 − π) exp(−t(1/B + 1/L)) of the state, integrated twice. Source: Cox 1962.
    """
    between, length = mean_between_s, mean_length_s
    return math.sqrt(2 * between**2 * length**2 / ((between + length) ** 3 * time_s))


def maximum_moments(law: Any, workers: int) -> tuple[float, float]:
    """Mean and standard deviation of the largest of M independent draws from a scipy distribution on [0, ∞).

    E[max] = ∫ (1 − F(t)^M) dt and E[max²] = ∫ 2t (1 − F(t)^M) dt. Source: David and Nagaraja 2003, Order Statistics.
    """
    # Beyond this quantile the integrand is below 1e-12, and quad needs to be told where the mass is.
    end = float(law.isf(1e-13 / workers))
    middle = [float(law.ppf(q)) for q in (0.5, 0.99, 1 - 1e-6)]

    def survival(t: float) -> float:
        return -math.expm1(workers * float(law.logcdf(t))) if t > 0 else 1.0

    mean, _ = quad(survival, 0, end, points=middle, limit=500)
    square, _ = quad(lambda t: 2 * t * survival(t), 0, end, points=middle, limit=500)
    return mean, math.sqrt(square - mean**2)


def ring_allreduce_s(workers: int, size_bytes: float, latency_s: float, bandwidth_bytes_per_s: float) -> float:
    """2(M−1)·latency + 2(M−1)/M · bytes/bandwidth. Source: Patarasuk and Yuan 2009."""
    return 2 * (workers - 1) * (latency_s + size_bytes / workers / bandwidth_bytes_per_s)


def push_weights(mean_compute_s: np.ndarray) -> np.ndarray:
    """Share of the workers' weight α that each holds in the long run under `gosgd_push`, `(workers,)`, summing to 1.

    A worker gives away α/2 at the rate p/τ of its pushes, and each gets what the others give, evenly: so α_m/τ_m is
    the same for all, and α_m is proportional to the mean time τ_m of a gradient. A slow worker holds more weight.
    """
    times = np.asarray(mean_compute_s, dtype=float)
    return times / times.sum()


def md1_waiting_s(arrivals_per_s: float, service_s: float) -> float:
    """Mean time in the queue, service not included, of an M/D/1 queue: ρ s/(2(1 − ρ)) with ρ = λs < 1.

    Source: Pollaczek and Khinchine; Kleinrock 1975, Queueing Systems 1, 5.6.
    """
    load = arrivals_per_s * service_s
    return load * service_s / (2 * (1 - load))


def gilbert_elliott_loss(good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float) -> float:
    """Share of messages lost: π_B h_B + (1 − π_B) h_G with π_B = g/(g + b). Source: Elliott 1963."""
    bad = good_to_bad / (good_to_bad + bad_to_good)
    return bad * loss_bad + (1 - bad) * loss_good


def gilbert_elliott_loss_spread(good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float) -> float:
    """n times the variance of the share lost of n messages, for large n: σ²/n with this σ².

    The losses' own variance p(1 − p) and twice the sum of their autocovariances π_B π_G (h_B − h_G)² λ^k, k ≥ 1, with
    λ = 1 − g − b the chain's second eigenvalue.
    """
    share = gilbert_elliott_loss(good_to_bad, bad_to_good, loss_good, loss_bad)
    bad, eigenvalue = good_to_bad / (good_to_bad + bad_to_good), 1 - good_to_bad - bad_to_good
    covariance = bad * (1 - bad) * (loss_bad - loss_good) ** 2 * eigenvalue / (1 - eigenvalue)
    return share * (1 - share) + 2 * covariance


def down_share(mean_up_s: float, mean_down_s: float) -> float:
    """Share of time that a worker under churn is down: D/(U + D), the stationary law of a two-state Markov process."""
    return slow_share(mean_up_s, mean_down_s)


def ring_second_eigenvalue(workers: int) -> float:
    """|λ₂| = 1/3 + 2/3 cos(2π/M) of Metropolis–Hastings on a ring, M ≥ 3: a circulant matrix with weights 1/3.

    Source: Davis 1979, Circulant matrices; Boyd, Ghosh, Prabhakar, Shah 2006 for the order 1/M² of the gap.
    """
    return 1 / 3 + 2 / 3 * math.cos(2 * math.pi / workers)


def torus_second_eigenvalue(rows: int, columns: int) -> float:
    """|λ₂| = (3 + 2 cos(2π/c))/5, c the longer side, of Metropolis–Hastings on a torus with both sides ≥ 3.

    The eigenvalues of the product of two rings add: (1 + 2 cos(2πa/r) + 2 cos(2πb/c))/5. Source: Chung 1997.
    """
    return (3 + 2 * math.cos(2 * math.pi / max(rows, columns))) / 5


def star_second_eigenvalue(workers: int) -> float:
    """λ₂ = 1 − 1/M of Metropolis–Hastings on a star, M ≥ 3: W = I − L/M, and L has the eigenvalues 0, 1 and M.

    Source: Chung 1997, Spectral graph theory, for the eigenvalues of L.
    """
    return 1 - 1 / workers


def hypercube_second_eigenvalue(dimension: int) -> float:
    """|λ₂| = (d − 1)/(d + 1) of Metropolis–Hastings on the d-cube: the eigenvalues are 1 − 2k/(d + 1), k = 0 … d.

    Source: Chung 1997, Spectral graph theory, for the eigenvalues of L, 2k.
    """
    return (dimension - 1) / (dimension + 1)


def exponential_second_eigenvalue(workers: int) -> float:
    """|λ₂| = (τ − 1)/(τ + 1), τ = ⌈lg M⌉, of the static exponential graph for even M.

    Source: Ying et al. 2021, arXiv:2110.13363.
    """
    hops = math.ceil(math.log2(workers))
    return (hops - 1) / (hops + 1)


def random_regular_second_eigenvalue(degree: int) -> float:
    """|λ₂| → (1 + 2√(d − 1))/(d + 1) of Metropolis–Hastings on a random d-regular graph, d ≥ 3, as M grows.

    Source: Friedman 2008, "A proof of Alon's second eigenvalue conjecture".
    """
    return (1 + 2 * math.sqrt(degree - 1)) / (degree + 1)


def pairwise_averaging(contact: np.ndarray) -> np.ndarray:
    """E[W] = I − (D − (P + Pᵀ))/(2M), D_ii = Σ_j (P_ij + P_ji), of random pairwise averaging, `(workers, workers)`.

    `contact` P_ij is the probability that i, one of M workers that is as likely as any other to be next, chooses j;
    then both take (x_i + x_j)/2. Such a W is a projection, so E[WᵀW] = E[W], and each contact multiplies
    E Σ ‖x_i − x̄‖² by λ₂(E[W]) at most. Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms".
    """
    both = contact + contact.T
    return np.eye(len(both)) - (np.diag(both.sum(axis=1)) - both) / (2 * len(both))


def complete_pairwise_second_eigenvalue(workers: int) -> float:
    """λ₂ = 1 − 1/(M − 1) of random pairwise averaging on the complete graph, as of all eigenvalues but the first.

    There P = (11ᵀ − I)/(M − 1). Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms".
    """
    return 1 - 1 / (workers - 1)
