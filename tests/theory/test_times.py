"""What the clock says against closed forms, within five computed standard errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from gossim import theory
from gossim.problems import keyed
from gossim.problems.keyed import StepKeys, normals, uniforms
from gossim.program import Probe
from gossim.rng import Purpose
from support.present import present
from support.scenarios import only_arm, world_of

SEEDS = (0, 1, 2)
ONE_AND_SLOWLY_MORE = (0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:]))
LAWS = {
    "expon": {"distribution": "expon", "scale": 0.1},
    "lognorm": {"distribution": "lognorm", "s": 0.5, "scale": 0.1},
}


def finished(arm: Any, seed: int) -> Any:
    """The world after its run, the timing plane alone."""
    world = world_of(arm, seed)
    for _ in world.windows(10_000, 10**9):
        pass
    return world


@pytest.mark.parametrize("seed", ONE_AND_SLOWLY_MORE)
@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("workers", [2, 8, 32])
def test_a_synchronous_round_lasts_as_long_as_its_slowest_gradient(law: str, workers: int, seed: int) -> None:
    rounds, size_bytes = 2000, 40_000
    arm = only_arm(
        algorithm={"name": "allreduce"},
        workers=workers,
        until={"gradient_steps": rounds * workers},
        compute={"time_s": LAWS[law]},
        network={"latency_s": 0.004, "bandwidth_bytes_per_s": 1e6, "sharing": "none"},
        probe={"every_s": 1e6},
    )
    world = world_of(arm, seed, message_bytes=size_bytes)
    for _ in world.windows(10_000, 10**9):
        pass
    parameters = {key: value for key, value in LAWS[law].items() if key != "distribution"}
    slowest, deviation = theory.maximum_moments(getattr(scipy.stats, law)(**parameters), workers)
    expected = slowest + theory.ring_allreduce_s(workers, size_bytes, 0.004, 1e6)
    assert world.clock.now_s / rounds == pytest.approx(expected, abs=5 * deviation / math.sqrt(rounds))
    assert world.network.bytes_sent == rounds * 2 * (workers - 1) * size_bytes


@pytest.mark.parametrize("workers", [1, 2, 8, 100])
def test_expected_maximum_of_exponentials(workers: int) -> None:
    """The integral against the harmonic number; and its variance against Σ 1/k²."""
    mean, deviation = theory.maximum_moments(scipy.stats.expon(scale=0.3), workers)
    assert mean == pytest.approx(theory.expected_maximum_exponential(0.3, workers), rel=1e-8)
    assert deviation == pytest.approx(0.3 * math.sqrt(sum(1 / k**2 for k in range(1, workers + 1))), rel=1e-7)


@pytest.mark.parametrize("name", ["push", "pull"])
@pytest.mark.parametrize("probability", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("seed", ONE_AND_SLOWLY_MORE)
def test_messages_are_binomial(name: str, probability: float, seed: int) -> None:
    """Each step sends with probability p: the count is Binomial(steps, p), but for pulls not yet answered."""
    algorithm = {"name": f"gosgd_{name}", f"{name}_probability": probability}
    world = finished(only_arm(algorithm=algorithm, until={"gradient_steps": 5000}), seed)
    deviation = math.sqrt(world.gradient_steps * probability * (1 - probability))
    under_way = 4 if name == "pull" else 0
    assert world.network.messages_sent == pytest.approx(
        world.gradient_steps * probability, abs=5 * deviation + under_way
    )


def test_peers_are_drawn_evenly() -> None:
    world = world_of(only_arm(workers=6))
    for worker in world.workers:
        counts = np.bincount([present(worker.random_peer()) for _ in range(6000)], minlength=6)
        assert counts[worker.index] == 0
        assert scipy.stats.chisquare(np.delete(counts, worker.index)).pvalue > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("factor", [pytest.param(1.0, marks=pytest.mark.slow), 4.0])
def test_a_slow_worker_holds_more_weight_under_push(factor: float) -> None:
    """E[α_m] ∝ E[time of a gradient]: over 60 seeds, α_slow − ratio · α_fast has mean 0."""
    workers = 4
    arm = only_arm(
        algorithm={"name": "gosgd_push", "push_probability": 0.5},
        workers=workers,
        compute={"time_s": LAWS["expon"], "stragglers": [{"workers": [3], "factor": factor}]},
        network={"latency_s": 0.001, "bandwidth_bytes_per_s": None},
        until={"time_s": 60.0},
        probe={"every_s": 1.0},
    )
    shares = theory.push_weights(np.array([0.1, 0.1, 0.1, 0.1 * factor]))
    excess = []
    for seed in range(60):
        world = world_of(arm, seed)
        held = []
        for ops in world.windows(10_000, 10**9):
            held += [
                [w.alpha for w in op.facts.workers] for op in ops if isinstance(op, Probe) and op.facts.time_s > 15
            ]
        mean = np.mean(held, axis=0)
        excess.append(mean[3] - shares[3] / shares[0] * mean[:3].mean())
    error = np.std(excess, ddof=1) / math.sqrt(len(excess))
    assert np.mean(excess) == pytest.approx(0.0, abs=5 * error)
    assert error < 0.03


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("expon", {"scale": 0.1}),
        ("lognorm", {"s": 0.25, "scale": 0.1}),
        ("gamma", {"a": 2.0, "scale": 0.05}),
        ("weibull_min", {"c": 1.5, "scale": 0.1}),
        ("uniform", {"loc": 0.05, "scale": 0.1}),
        ("pareto", {"b": 5.0, "scale": 0.1}),
        ("truncnorm", {"a": -2.0, "b": 3.0, "loc": 0.2, "scale": 0.05}),
    ],
)
@pytest.mark.parametrize("seed", ONE_AND_SLOWLY_MORE)
def test_compute_times_follow_their_distribution(name: str, parameters: dict[str, float], seed: int) -> None:
    arm = only_arm(
        compute={
            "time_s": {"distribution": name, **parameters},
            "stragglers": [{"workers": [1], "factor": 3.0}, {"workers": [1, 2], "factor": 0.5}],
        }
    )
    law = getattr(scipy.stats, name)(**parameters)
    for worker, factor in enumerate([1.0, 1.5, 0.5, 1.0]):
        pace = arm.compute.pace(seed, worker, 4)
        drawn = np.array([pace(0.0) for _ in range(3000)]) / factor
        assert scipy.stats.kstest(drawn, law.cdf).pvalue > 1e-6
        assert drawn.mean() == pytest.approx(law.mean(), abs=5 * law.std() / math.sqrt(len(drawn)))


def test_latency_is_the_links_own() -> None:
    network = {"latency_s": {"distribution": "expon", "scale": 0.05}, "bandwidth_bytes_per_s": 1e6, "sharing": "none"}
    first, second = (world_of(only_arm(workers=30, network=network), seed=3).network for _ in range(2))
    links = [(i, j) for i in range(30) for j in range(30) if i != j]
    there = [first.latency_s(*link) for link in links]
    assert there == [first.latency_s(*link) for link in links]
    assert there == [second.latency_s(*link) for link in reversed(links)][::-1]
    assert scipy.stats.kstest(there, scipy.stats.expon(scale=0.05).cdf).pvalue > 1e-6


def test_keyed_numbers_are_as_good_as_drawn_ones() -> None:
    import torch

    keys = StepKeys(5, Purpose.GRADIENT_NOISE, workers=4, device=torch.device("cpu"))
    workers, steps = torch.arange(4).repeat_interleave(50), torch.arange(50).repeat(4)
    drawn = uniforms(keys(workers, steps), 500).numpy()
    assert scipy.stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-6
    assert len(np.unique(drawn)) == drawn.size
    correlations = np.corrcoef(drawn)[np.triu_indices(len(drawn), k=1)]
    assert np.abs(correlations).max() < 6 / math.sqrt(500)
    gaussian = normals(keys(workers, steps), 500).numpy()
    assert scipy.stats.kstest(gaussian.ravel(), "norm").pvalue > 1e-6
    again = normals(keys(workers.flip(0), steps.flip(0)), 500).flip(0).numpy()
    assert np.array_equal(gaussian, again)


@pytest.mark.parametrize("at_once", [1, 7, 100, 499, 500, 501, 1499])
def test_keyed_numbers_come_in_pieces_as_they_come_together(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    import torch

    keys = torch.arange(3) * 7919
    together = normals(keys, 500, torch.float32)
    monkeypatch.setattr(keyed, "AT_ONCE", at_once)
    assert torch.equal(normals(keys, 500, torch.float32), together)


def test_splitmix_gives_the_published_numbers() -> None:
    """The first outputs of SplitMix64 from seed 1234567, as its reference implementation prints them."""
    import torch

    from gossim.problems.keyed import GAMMA, mix

    outputs = mix(torch.tensor(1234567) + torch.arange(1, 4) * GAMMA).tolist()
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [word % 2**64 for word in outputs] == expected


def rate_of(algorithm: dict[str, Any], factors: list[float], seed: int, time_s: float) -> float:
    """Steps per second of all workers, from the clock alone; link latency 0.02 s, and 0.04 s to send a vector."""
    arm = only_arm(
        algorithm=algorithm,
        workers=len(factors),
        until={"time_s": time_s},
        compute={
            "time_s": LAWS["lognorm"],
            "stragglers": [{"workers": [m], "factor": factor} for m, factor in enumerate(factors)],
        },
        network={"latency_s": 0.02, "bandwidth_bytes_per_s": 20_000, "sharing": "none"},
        probe={"every_s": 1e6},
    )
    world = world_of(arm, seed, message_bytes=800)
    for _ in world.windows(10_000, 10**9):
        pass
    return world.gradient_steps / time_s


FACTORS = [1.0, 1.0, 1.5, 2.0, 4.0]
GRADIENT = scipy.stats.lognorm(s=0.5, scale=0.1)


@pytest.mark.parametrize("seed", ONE_AND_SLOWLY_MORE)
@pytest.mark.parametrize("pull", [None, 0.0, 0.4])
def test_steps_per_second_of_gossip(pull: float | None, seed: int) -> None:
    """Renewals: in time T, T/μ of them in the mean and σ²T/μ³ their variance, and one at most at the edge."""
    time_s, probability = 400.0, pull or 0.0
    mean_s, deviation_s = GRADIENT.mean() * np.array(FACTORS), GRADIENT.std() * np.array(FACTORS)
    if pull is None:
        measured = rate_of({"name": "gosgd_push", "push_probability": 0.5}, FACTORS, seed, time_s)
        expected = theory.push_steps_per_s(mean_s)
    else:
        measured = rate_of({"name": "gosgd_pull", "pull_probability": pull}, FACTORS, seed, time_s)
        expected = theory.pull_steps_per_s(mean_s, pull, 0.02, 0.04)
    wait_s = 2 * 0.02 + 0.04
    cycle_s = mean_s + probability * wait_s
    variance = deviation_s**2 + probability * (1 - probability) * wait_s**2
    error = math.sqrt(np.sum(variance / cycle_s**3 / time_s))
    assert measured == pytest.approx(expected, abs=5 * error + len(FACTORS) / time_s)
    assert error < expected / 50


@pytest.mark.parametrize("seed", ONE_AND_SLOWLY_MORE)
def test_steps_per_second_of_synchronous_rounds_of_unlike_workers(seed: int) -> None:
    """As for renewals of mean μ and variance σ², M steps each."""
    time_s, workers = 800.0, len(FACTORS)
    measured = rate_of({"name": "allreduce"}, FACTORS, seed, time_s)
    collective_s = theory.ring_allreduce_s(workers, 800, 0.02, 20_000)
    slowest_s, deviation_s = theory.slowest_moments(GRADIENT, FACTORS)
    error = workers * deviation_s / math.sqrt((slowest_s + collective_s) ** 3 * time_s)
    expected = theory.synchronous_steps_per_s(GRADIENT, FACTORS, collective_s)
    assert measured == pytest.approx(expected, abs=5 * error + workers / time_s)
    assert error < expected / 50


def test_slowest_of_unlike_exponentials() -> None:
    """E[max] of two is 1/a + 1/b − 1/(a + b), however far apart; of the square, 2/a² + 2/b² − 2/(a + b)²."""
    for factor in (1.0, 3.0, 1e4):
        a, b = 1.0, 1 / factor
        mean, deviation = theory.slowest_moments(scipy.stats.expon(), [1.0, factor])
        assert mean == pytest.approx(1 / a + 1 / b - 1 / (a + b), rel=1e-8)
        square = 2 / a**2 + 2 / b**2 - 2 / (a + b) ** 2
        assert deviation == pytest.approx(math.sqrt(square - mean**2), rel=1e-6)
