"""Slow spells, lost messages and failures: processes with two states."""

from __future__ import annotations

import math


def slow_share(mean_between_s: float, mean_length_s: float) -> float:
    """Share of time in a slow spell: L/(L + B), in the long run the mean length over that of a cycle.

    Source: alternating renewal processes, Cox 1962, Renewal Theory.
    """
    return mean_length_s / (mean_length_s + mean_between_s)


def slow_share_deviation(mean_between_s: float, mean_length_s: float, time_s: float) -> float:
    """Standard deviation of the share of a long `time_s` spent in slow spells: √(2 B² L² / ((B + L)³ T)).

    From the autocovariance π(1 − π) exp(−t(1/B + 1/L)) of the state, integrated twice. Source: Cox 1962.
    """
    between, length = mean_between_s, mean_length_s
    return math.sqrt(2 * between**2 * length**2 / ((between + length) ** 3 * time_s))


def down_share(mean_up_s: float, mean_down_s: float) -> float:
    """Share of time that a worker under churn is down: D/(U + D), as of spells in `slow_share`."""
    return slow_share(mean_up_s, mean_down_s)


def gilbert_elliott_loss(good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float) -> float:
    """Share of messages lost: π_B h_B + (1 − π_B) h_G with π_B = g/(g + b). Source: Elliott 1963."""
    bad = good_to_bad / (good_to_bad + bad_to_good)
    return bad * loss_bad + (1 - bad) * loss_good


def gilbert_elliott_loss_spread(good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float) -> float:
    """n times the variance of the share lost of n messages, for large n: σ²/n with this σ².

    The losses' own variance p(1 − p) and twice the sum of their autocovariances π_B π_G (h_B − h_G)² λ^k, k ≥ 1, with
    λ = 1 − g − b the chain's second eigenvalue. Source: Kemeny, Snell 1960, Finite Markov Chains, for the variance.
    """
    share = gilbert_elliott_loss(good_to_bad, bad_to_good, loss_good, loss_bad)
    bad, eigenvalue = good_to_bad / (good_to_bad + bad_to_good), 1 - good_to_bad - bad_to_good
    covariance = bad * (1 - bad) * (loss_bad - loss_good) ** 2 * eigenvalue / (1 - eigenvalue)
    return share * (1 - share) + 2 * covariance
