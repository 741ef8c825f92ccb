"""How far apart workers are, and how fast they agree: the simulator against second moments, by standard errors."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.stats

from gossim import theory
from gossim.execute.batched import Batched
from gossim.testing import trajectory
from support.consensus import EXPONENTIAL, Apart, apart, mean_and_error, noise_arm, over_time


@pytest.mark.parametrize("kind", [theory.push_event, theory.pairwise_event])
@pytest.mark.parametrize("workers", [2, 3, 5])
def test_six_sums_have_the_radius_of_the_whole_map(kind: Any, workers: int) -> None:
    whole = theory.decaying_part(theory.second_moment_map(kind, workers, 0.6))
    radius = np.abs(np.linalg.eigvals(whole)).max()
    assert theory.spectral_radius(kind, workers, 0.6) == pytest.approx(radius, rel=1e-9)


@pytest.mark.parametrize("workers", [2, 4, 8, 50])
@pytest.mark.parametrize("probability", [0.1, 1.0])
def test_pairwise_radius_is_the_published_one(workers: int, probability: float) -> None:
    expected = 1 - probability * (1 - theory.complete_pairwise_second_eigenvalue(workers))
    assert theory.spectral_radius(theory.pairwise_event, workers, probability) == pytest.approx(expected, abs=1e-9)


def ends(algorithm: dict[str, Any], workers: int, steps: int, seeds: int) -> list[tuple[Any, np.ndarray]]:
    """Facts and x, `(workers, workers)`, after so many steps without gradients from unit vectors."""
    arm = noise_arm(algorithm, workers, dim=workers, rate=1e-100, until={"gradient_steps": steps})
    runs = [trajectory(arm, Apart, seed) for seed in range(seeds)]
    return [(facts[-1], rows[-1].numpy()) for _, facts, rows in runs]


@pytest.mark.parametrize(
    ("workers", "probability", "steps"),
    [(3, 0.5, 6), pytest.param(4, 1.0, 10, marks=pytest.mark.slow), pytest.param(8, 0.7, 12, marks=pytest.mark.slow)],
)
def test_weighted_differences_decay_under_push(workers: int, probability: float, steps: int) -> None:
    found = []
    for facts, x in ends({"name": "gosgd_push", "push_probability": probability}, workers, steps, 200):
        alpha = np.array([worker.alpha for worker in facts.workers])
        found.append(np.square(alpha[:, None] * (x - 1 / workers)).sum())
    mean, error = mean_and_error(found)
    expected = theory.push_decay(workers, probability, steps)
    assert mean == pytest.approx(expected[-1], abs=5 * error)
    assert abs(expected[-1] - expected[-2]) > 0
    assert error < expected[-1] / 10


@pytest.mark.parametrize(
    ("workers", "probability", "steps"), [(4, 1.0, 6), pytest.param(8, 0.5, 15, marks=pytest.mark.slow)]
)
def test_differences_decay_under_averaging(workers: int, probability: float, steps: int) -> None:
    algorithm = {"name": "support.consensus:Averaging", "chance": probability}
    found = [np.square(x - x.mean(0)).sum() for _, x in ends(algorithm, workers, steps, 200)]
    mean, error = mean_and_error(found)
    radius = theory.spectral_radius(theory.pairwise_event, workers, probability)
    assert mean == pytest.approx((workers - 1) * radius**steps, abs=5 * error)
    assert error < mean / 10


def test_the_radius_is_that_of_the_decay() -> None:
    decay = theory.push_decay(6, 0.4, 400)
    assert decay[-1] / decay[-2] == pytest.approx(theory.spectral_radius(theory.push_event, 6, 0.4), rel=1e-9)


@pytest.mark.parametrize(("workers", "probability"), [(2, 0.3), (4, 1.0), pytest.param(8, 0.5, marks=pytest.mark.slow)])
def test_averaging_in_pairs_has_the_closed_form_consensus_distance(workers: int, probability: float) -> None:
    memory = workers / probability
    arm = noise_arm(
        {"name": "support.consensus:Averaging", "chance": probability},
        workers,
        until={"time_s": 14 * memory},
        probe={"every_s": memory / 4},
    )
    mean, error = over_time(arm, 12, 6 * memory)
    assert mean == pytest.approx(theory.pairwise_consensus(workers, probability, 1.0), abs=5 * error)
    assert error < mean / 10


@pytest.mark.parametrize("workers", [2, 4, pytest.param(8, marks=pytest.mark.slow)])
def test_adpsgd_has_the_closed_form_consensus_distance(workers: int) -> None:
    arm = noise_arm({"name": "adpsgd"}, workers, until={"time_s": 90.0}, probe={"every_s": 1.0})
    mean, error = over_time(arm, 10, 30.0)
    assert mean == pytest.approx(theory.pairwise_consensus(workers, 1.0, 1.0), abs=5 * error + 1e-12)
    assert error < max(mean / 10, 1e-12)


def test_adpsgd_spreads_from_the_start_as_the_closed_form() -> None:
    arm = noise_arm({"name": "adpsgd"}, 4, dim=100, until={"time_s": 1.5})
    found = [apart(trajectory(arm, Batched, seed)[2][-1]) / 100 for seed in range(150)]
    mean, error = mean_and_error(found)
    expected = theory.pairwise_consensus_after(4, 1.0, 1.0, np.array([6.0, 1e4]))
    assert mean == pytest.approx(expected[0], abs=5 * error)
    assert expected[1] == pytest.approx(theory.pairwise_consensus(4, 1.0, 1.0), rel=1e-9)


@pytest.mark.parametrize(
    ("workers", "probability"),
    [(2, 0.5), pytest.param(4, 0.3, marks=pytest.mark.slow), pytest.param(8, 0.8, marks=pytest.mark.slow)],
)
def test_push_has_the_predicted_consensus_distance(workers: int, probability: float) -> None:
    memory = 8 / probability
    arm = noise_arm(
        {"name": "gosgd_push", "push_probability": probability},
        workers,
        until={"time_s": 14 * memory},
        probe={"every_s": memory / 4},
    )
    mean, error = over_time(arm, 12, 6 * memory)
    steps = workers * np.linspace(6 * memory, 14 * memory, 20)
    paths = theory.push_consensus_paths(workers, probability, steps, 1000, np.random.default_rng(0))
    expected, spread = mean_and_error(paths.mean(1))
    assert mean == pytest.approx(expected, abs=5 * math.hypot(error, spread))
    assert math.hypot(error, spread) < mean / 10


def pushed_one_by_one(workers: int, probability: float, steps: np.ndarray, seed: int) -> np.ndarray:
    """(1/M) Σ ‖x_m − x̄‖² per dimension after so many steps, each taken by itself, with the rules as they are told."""
    generator = np.random.default_rng(seed)
    x, alpha = np.zeros((workers, 64)), np.full(workers, 1 / workers)
    mailbox: list[list[Any]] = [[] for _ in range(workers)]
    found = []
    for step in range(1, steps[-1] + 1):
        m = generator.integers(workers)
        x[m] -= generator.standard_normal(x.shape[1])
        if generator.random() < probability:
            alpha[m] /= 2
            mailbox[(m + generator.integers(1, workers)) % workers].append((x[m].copy(), alpha[m]))
        for sent, weight in mailbox[m]:
            x[m] = (alpha[m] * x[m] + weight * sent) / (alpha[m] + weight)
            alpha[m] += weight
        mailbox[m].clear()
        if step in steps:
            found.append(x.var(axis=0).mean())
    return np.array(found)


@pytest.mark.parametrize(("workers", "probability", "memory"), [(2, 1.0, 2), (5, 0.4, 20), (8, 0.02, 600)])
def test_paths_are_those_of_steps_one_by_one(workers: int, probability: float, memory: int) -> None:
    steps = memory * np.array([1, 2, 4])
    plain = [pushed_one_by_one(workers, probability, steps, seed) for seed in range(max(30, 9000 // memory // 10))]
    paths = theory.push_consensus_paths(workers, probability, steps, 4000, np.random.default_rng(0))
    for one, fast in zip(np.array(plain).T, paths.T, strict=True):
        (mean, error), (expected, spread) = mean_and_error(one), mean_and_error(fast)
        assert mean == pytest.approx(expected, abs=5 * math.hypot(error, spread))
        assert math.hypot(error, spread) < mean / 8


@pytest.mark.parametrize("law", ["expon", pytest.param("constant", marks=pytest.mark.slow)])
def test_local_sgd_has_the_closed_form_consensus_distance(law: str) -> None:
    workers, period, latency_s = 4, 5, 0.3
    collective_s = 2 * (workers - 1) * latency_s
    longest_s = 5.0
    if law == "expon":
        longest_s, _ = theory.maximum_moments(scipy.stats.gamma(a=period), workers)
    arm = noise_arm(
        {"name": "local_sgd", "period": period},
        workers,
        compute=EXPONENTIAL if law == "expon" else {"time_s": 1.0},
        network={"latency_s": latency_s, "bandwidth_bytes_per_s": None},
        until={"time_s": 700.0},
        probe={"every_s": 0.517},
    )
    mean, error = over_time(arm, 8, 100.0)
    expected = theory.local_sgd_consensus(workers, period, 1.0, 1.0, longest_s, collective_s)
    assert mean == pytest.approx(expected, abs=5 * error)
    assert error < mean / 20


def test_local_sgd_in_step_and_without_collective() -> None:
    assert partial(theory.local_sgd_consensus, 5, 9, 2.0, 0.1)(0.9, 0.0) == pytest.approx(2.0 * 0.8 * 4)
