"""Consensus distance: E‖x_m − x̄‖², mean over the M workers, x̄ = (1/M) Σ x_m.

A step of the problem `noise` is x_m ← x_m − ηz with z standard normal in `dim` dimensions. It adds the variance η²
dim, which the functions take as `step_variance`, in the unit of ‖x‖². Second moments are exact; the mean distance is
below their root, by Jensen's inequality. "Exponential" means that all compute times have the same exponential law
and there is no latency, so that each step is taken by any worker with the same probability.
"""

from __future__ import annotations

import numpy as np

from .moments import push_event, symmetric_map


def pairwise_consensus(workers: int, probability: float, step_variance: float, step_first: bool = True) -> float:
    """Return the stationary E‖x_m − x̄‖² of averaging at one instant with any other worker after a step.

    A step adds σ²(1 − 1/M) to V = Σ ‖x_m − x̄‖². A contact takes away ‖x_i − x_j‖²/2, of mean V/(M − 1), and σ²/2
    more if i has just taken a step. So V/M = σ² (M − 1)(1 − 1/M − p/2)/(pM), or σ² (M − 1)²/(pM²) if averaging comes
    first. Exact for exponential times.

    Args:
        workers: M ≥ 2.
        probability: p > 0, of a contact after a step.
        step_variance: σ², in the unit of ‖x‖².
        step_first: Whether a worker takes its step before it averages.

    Source: Boyd et al. 2006 for the factor 1 − 1/(M − 1) of V.
    """
    added = 1 - 1 / workers - (probability / 2 if step_first else 0.0)
    return step_variance * (workers - 1) * added / (probability * workers)


def pairwise_consensus_after(workers: int, probability: float, step_variance: float, steps: np.ndarray) -> np.ndarray:
    """Return E‖x_m − x̄‖² of `pairwise_consensus`, a step first, from equal x. With probability 1 it is `adpsgd`
    without latency.

    A step gives E V ← E V (1 − p/(M − 1)) + σ² (1 − 1/M − p/2), so that V after k steps is V∞ (1 − a^k) with a = 1 −
    p/(M − 1). For exponential times k has a Poisson law of mean n = `steps`, and the mean of a^k is e^{−n(1 − a)}:
    V∞ (1 − e^{−pn/(M−1)}).

    Args:
        workers: M ≥ 2.
        probability: p > 0, of a contact after a step.
        step_variance: σ², in the unit of ‖x‖².
        steps: Expected numbers of steps of all workers together, of any shape.

    Returns:
        An array of the shape of `steps`.

    Source: Boyd et al. 2006 for the factor a.
    """
    return pairwise_consensus(workers, probability, step_variance) * -np.expm1(-probability * steps / (workers - 1))


def local_sgd_consensus(
    workers: int, period: int, step_variance: float, mean_step_s: float, longest_s: float, collective_s: float
) -> float:
    """Return E‖x_m − x̄‖² of `local_sgd`, mean over time.

    It is σ² (1 − 1/M) times the mean number of steps since the last average. A round of τ steps of mean μ lasts
    until the slowest of the M workers has taken its own and the collective is over: R = `longest_s` + `collective_s`
    in the mean. Over a round the integral of a worker's number of steps is μτ(τ − 1)/2 + τ(R − τμ) in the mean. With
    equal constant times and a collective that takes no time, the mean number is (τ − 1)/2. Exact for independent
    times of any law.

    Args:
        workers: M.
        period: τ, steps between two averages.
        step_variance: σ², in the unit of ‖x‖².
        mean_step_s: μ, mean time of a step.
        longest_s: Mean time that the slowest worker takes for τ steps.
        collective_s: Time of the collective.

    Source: the renewal–reward theorem.
    """
    round_s = longest_s + collective_s
    integral = mean_step_s * period * (period - 1) / 2 + period * (round_s - period * mean_step_s)
    return step_variance * (1 - 1 / workers) * integral / round_s


def push_decay(workers: int, probability: float, steps: int) -> np.ndarray:
    """Return E Σ_m ‖α_m (x_m − X)‖² of `gosgd_push` without gradients, over held x. X = Σ α x, in flight included, is
    constant.

    At an event the same K multiplies α_m x_m and α_m, held and in flight. X is a constant, so K also multiplies y_m
    = α_m (x_m − X). The sums of its second moments follow `symmetric_map`, from those of y_m = (x_m − x̄)/M: (M −
    1)/M² over one worker, and minus the same over two. The expectation of ‖x_m − X‖², a ratio, has no such map.
    Exact for exponential times.

    Args:
        workers: M.
        probability: Of a push after a step.
        steps: Number of steps of all workers together.

    Returns:
        The values after 0 … `steps` steps, `(steps + 1,)`, when the x_m start as M orthonormal vectors with α_m =
        1/M. The value is proportional to Σ ‖x_m − X‖² at the start: divide by M − 1 and multiply by that of another
        start.

    Source: Iutzeler, Ciblat, Hachem 2013, for E[K ⊗ K].
    """
    change = symmetric_map(push_event, workers, probability)
    moments = np.array([1, 0, 0, -1, 0, 0]) * (workers - 1) / workers**2
    found = []
    for _ in range(steps + 1):
        found.append(moments[0])
        moments = change @ moments
    return np.array(found)
