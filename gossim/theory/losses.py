"""Slow spells, lost messages and failures: processes with two states."""

from __future__ import annotations

import math


def slow_share(mean_between_s: float, mean_length_s: float) -> float:
    """Return the long-run share of time in a slow spell: L/(L + B), the mean length of a spell over that of a cycle.

    Args:
        mean_between_s: B, mean time between two spells.
        mean_length_s: L, mean length of a spell.

    Source: alternating renewal processes, Cox 1962, Renewal Theory.
    """
    return mean_length_s / (mean_length_s + mean_between_s)


def slow_share_deviation(mean_between_s: float, mean_length_s: float, time_s: float) -> float:
    """Return the standard deviation of the share of a long time that is slow: √(2 B² L² / ((B + L)³ T)).

    It follows from the autocovariance π(1 − π) exp(−t(1/B + 1/L)) of the state, integrated twice.

    Args:
        mean_between_s: B, mean time between two spells.
        mean_length_s: L, mean length of a spell.
        time_s: T, much longer than both.

    Source: Cox 1962, Renewal Theory.
    """
    between, length = mean_between_s, mean_length_s
    return math.sqrt(2 * between**2 * length**2 / ((between + length) ** 3 * time_s))


def down_share(mean_up_s: float, mean_down_s: float) -> float:
    """Return the share of time that a worker under churn is down: D/(U + D), as `slow_share` says of spells.

    Args:
        mean_up_s: U, mean time up.
        mean_down_s: D, mean time down.
    """
    return slow_share(mean_up_s, mean_down_s)


def gilbert_elliott_loss(good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float) -> float:
    """Return the share of messages lost: π_B h_B + (1 − π_B) h_G with π_B = g/(g + b).

    Args:
        good_to_bad: g, probability per message of going from the good state to the bad one.
        bad_to_good: b, probability per message of going back.
        loss_good: h_G, probability of a loss in the good state.
        loss_bad: h_B, probability of a loss in the bad state.

    Source: Elliott 1963, "Estimates of error rates for codes on burst-noise channels".
    """
    bad = good_to_bad / (good_to_bad + bad_to_good)
    return bad * loss_bad + (1 - bad) * loss_good


def gilbert_elliott_loss_spread(good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float) -> float:
    """Return σ², where σ²/n is the variance of the share lost of n messages, for large n.

    It is the variance p(1 − p) of one loss, plus twice the sum over k ≥ 1 of the autocovariances π_B π_G (h_B −
    h_G)² λ^k, where λ = 1 − g − b is the chain's second eigenvalue. The arguments are those of
    `gilbert_elliott_loss`.

    Source: Kemeny, Snell 1960, Finite Markov Chains, for the variance.
    """
    share = gilbert_elliott_loss(good_to_bad, bad_to_good, loss_good, loss_bad)
    bad, eigenvalue = good_to_bad / (good_to_bad + bad_to_good), 1 - good_to_bad - bad_to_good
    covariance = bad * (1 - bad) * (loss_bad - loss_good) ** 2 * eigenvalue / (1 - eigenvalue)
    return share * (1 - share) + 2 * covariance
