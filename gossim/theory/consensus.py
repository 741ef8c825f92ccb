"""How far apart workers are: E‖x_m − x̄‖², mean over the M workers, x̄ = (1/M) Σ x_m.

Of the problem `noise`, x_m ← x_m − ηz with z standard normal in `dim` dimensions, all have the factor η² dim, the
variance that a step adds: it is given as `step_variance`, in the unit of ‖x‖². Second moments are exact, and the mean
distance is below their root, by Jensen's inequality. "Exponential": compute times that are, alike, without latency, so
that each step is of any worker with the same probability.
"""

from __future__ import annotations

import numpy as np

from .moments import push_event, symmetric_map


def pairwise_consensus(workers: int, probability: float, step_variance: float, step_first: bool = True) -> float:
    """Stationary E‖x_m − x̄‖² of averaging at one instant with any other after a step with that probability.

    A step adds σ²(1 − 1/M) to V = Σ ‖x_m − x̄‖², and a contact takes ‖x_i − x_j‖²/2, of mean V/(M − 1), and σ²/2 more
    where i has just taken a step: V/M = σ² (M − 1)(1 − 1/M − p/2)/(pM), or σ² (M − 1)²/(pM²) if it averages first.
    Exact for exponential times, M ≥ 2, p > 0. Source: the factor 1 − 1/(M − 1) of V, Boyd et al. 2006.
    """
    added = 1 - 1 / workers - (probability / 2 if step_first else 0.0)
    return step_variance * (workers - 1) * added / (probability * workers)


def pairwise_consensus_after(workers: int, probability: float, step_variance: float, steps: np.ndarray) -> np.ndarray:
    """The same, a step first, when `steps` steps of all workers together are expected, from equal x: the shape of
    `steps`. With probability 1 it is that of `adpsgd` without latency.

    By what `pairwise_consensus` says of a step, E V ← E V (1 − p/(M − 1)) + σ² (1 − 1/M − p/2), so that after k steps
    V∞ (1 − a^k) with a = 1 − p/(M − 1). For exponential times k has a Poisson law of mean n = `steps`, of which the
    mean of a^k is e^{−n(1 − a)}: V∞ (1 − e^{−pn/(M−1)}). Source: the factor a, Boyd et al. 2006.
    """
    return pairwise_consensus(workers, probability, step_variance) * -np.expm1(-probability * steps / (workers - 1))


def local_sgd_consensus(
    workers: int, period: int, step_variance: float, mean_step_s: float, longest_s: float, collective_s: float
) -> float:
    """E‖x_m − x̄‖² of `local_sgd`, mean over time: σ² (1 − 1/M) times the mean number of steps since the last average.

    Workers that have taken k_m steps are at σ² (1 − 1/M) (1/M) Σ k_m. Of τ steps of mean μ, until the slowest of the M
    has taken its own after `longest_s` in the mean, and the collective is over: a round of mean length R =
    `longest_s` + `collective_s`, over which the integral of k_m is μτ(τ − 1)/2 + τ(R − τμ) in the mean. With equal
    constant times and no collective the mean of k_m is (τ − 1)/2. Exact, whatever the times, if they are independent.
    Source: the renewal–reward theorem.
    """
    round_s = longest_s + collective_s
    integral = mean_step_s * period * (period - 1) / 2 + period * (round_s - period * mean_step_s)
    return step_variance * (1 - 1 / workers) * integral / round_s


def push_decay(workers: int, probability: float, steps: int) -> np.ndarray:
    """E Σ_m ‖α_m (x_m − X)‖² of `gosgd_push` without gradients after 0 … `steps` steps, `(steps + 1,)`.

    Over held x; X = Σ α x, in flight included, which stays. At the start x_m are M orthonormal vectors, α_m = 1/M; it
    is proportional to Σ ‖x_m − X‖² at the start, so this is any start's, divided by M − 1 and times that.
    α_m x_m and α_m, held and under way, are multiplied by the same K at an event, and X is a constant: so is
    y_m = α_m (x_m − X). Its sums of second moments follow `symmetric_map`, from those of y_m = (x_m − x̄)/M, (M − 1)/M²
    over one worker and as much with a minus over two. The expectation of ‖x_m − X‖², a ratio, has no such map.
    Exact for exponential times, in steps of all workers. Source: Iutzeler, Ciblat, Hachem 2013, for E[K ⊗ K].
    """
    change = symmetric_map(push_event, workers, probability)
    moments = np.array([1, 0, 0, -1, 0, 0]) * (workers - 1) / workers**2
    found = []
    for _ in range(steps + 1):
        found.append(moments[0])
        moments = change @ moments
    return np.array(found)
