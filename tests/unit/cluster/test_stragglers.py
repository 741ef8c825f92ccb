"""Compute times: laws and the rules that lengthen them, against their closed forms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from gossim import theory
from gossim.cluster.compute_time import ComputeSettings
from gossim.cluster.stragglers import STRAGGLERS, Bursty
from support.scenarios import only_arm, world_of

SEEDS = (0, 1, 2)
ONE_AND_SLOWLY_MORE = (0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:]))


def compute(time_s: Any, *rules: dict[str, Any]) -> ComputeSettings:
    return ComputeSettings.model_validate({"time_s": time_s, "stragglers": list(rules)})


def drawn(settings: ComputeSettings, seed: int, count: int = 4000, worker: int = 0, workers: int = 4) -> np.ndarray:
    """Compute times of gradients that follow each other."""
    pace, now_s, times = settings.pace(seed, worker, workers), 0.0, []
    for _ in range(count):
        times.append(pace(now_s))
        now_s += times[-1]
    return np.array(times)


@pytest.mark.parametrize("seed", SEEDS)
def test_shifted_exponential_times_have_their_mean_and_minimum(seed: int) -> None:
    times = drawn(compute({"distribution": "shifted_exponential", "shift_s": 0.2, "rate_per_s": 5.0}), seed)
    assert times.min() > 0.2
    assert times.mean() == pytest.approx(0.2 + 1 / 5, abs=5 * (1 / 5) / math.sqrt(len(times)))
    variance_error = math.sqrt(8 / len(times)) / 25  # Var(s²) = (μ₄ − σ⁴)/n with μ₄ = 9σ⁴
    assert times.var(ddof=1) == pytest.approx(1 / 25, abs=5 * variance_error)
    assert scipy.stats.kstest(times, scipy.stats.expon(loc=0.2, scale=0.2).cdf).pvalue > 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_empirical_times_are_drawn_with_the_shares_of_the_file(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "times.csv"
    path.write_text("worker,seconds\na,0.1\nb,0.4\nc,0.4\nd,0.2\n")
    times = drawn(compute({"distribution": "empirical", "file": str(path), "column": "seconds"}), seed)
    counts = [np.sum(times == value) for value in (0.1, 0.2, 0.4)]
    assert sum(counts) == len(times)
    assert scipy.stats.chisquare(counts, np.array([1, 1, 2]) * len(times) / 4).pvalue > 1e-6


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        ("a,b\n1,2\n", "c", "has no column 'c'; valid: a, b"),
        ("a,b\n1,2\n1,-2\n", "b", r"line 3: b = '-2': must be a number > 0"),
        ("a,b\n1,x\n", "b", r"line 2: b = 'x': must be a number > 0"),
        ("a,b\n1\n", "b", r"line 2: b = '': must be a number > 0"),
        ("a,b\n1,inf\n", "b", r"line 2: b = 'inf': must be a number > 0"),
        ("a,b\n", "b", "has no rows under its header"),
        ("", "b", "has no rows under its header"),
    ],
)
def test_measurements_that_cannot_be_used(tmp_path: Path, content: str, column: str, message: str) -> None:
    path = tmp_path / "times.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        compute({"distribution": "empirical", "file": str(path), "column": column})


@pytest.mark.parametrize("seed", ONE_AND_SLOWLY_MORE)
@pytest.mark.parametrize("workers", [4, 16])
def test_synchronous_rounds_of_shifted_exponentials_and_paretos(workers: int, seed: int) -> None:
    """E[max of M] = Δ + H_M/μ, and the Gamma functions of Pareto."""
    rounds = 3000
    pareto = scipy.stats.pareto(5.0, scale=0.1)
    for law, expected, deviation in [
        (
            {"distribution": "shifted_exponential", "shift_s": 0.3, "rate_per_s": 4.0},
            0.3 + theory.expected_maximum_exponential(1 / 4, workers),
            theory.maximum_moments(scipy.stats.expon(scale=1 / 4), workers)[1],
        ),
        (
            {"distribution": "pareto", "b": 5.0, "scale": 0.1},
            theory.expected_maximum_pareto(5.0, 0.1, workers),
            theory.maximum_moments(pareto, workers)[1],
        ),
    ]:
        arm = only_arm(
            algorithm={"name": "allreduce"},
            workers=workers,
            compute={"time_s": law},
            network={"latency_s": 0, "bandwidth_bytes_per_s": None},
            until={"gradient_steps": rounds * workers},
            probe={"every_s": 1e6},
        )
        world = world_of(arm, seed)
        for _ in world.windows(10_000, 10**9):
            pass
        assert world.clock.now_s / rounds == pytest.approx(expected, abs=5 * deviation / math.sqrt(rounds))


@pytest.mark.parametrize(("shape", "workers"), [(2.5, 3), (5.0, 16), (1.5, 100)])
def test_expected_maximum_of_paretos(shape: float, workers: int) -> None:
    """The Gamma functions against the survival function, integrated."""
    law = scipy.stats.pareto(shape, scale=0.1)
    upper, _ = scipy.integrate.quad(lambda t: -math.expm1(workers * law.logcdf(t)), 0.1, np.inf, limit=500)
    assert theory.expected_maximum_pareto(shape, 0.1, workers) == pytest.approx(0.1 + upper, rel=1e-6)


@pytest.mark.parametrize("rank", [1, 5, 8])
def test_order_statistics_of_exponentials(rank: int) -> None:
    sample = np.sort(np.random.default_rng(rank).exponential(0.3, size=(20_000, 8)), axis=1)[:, rank - 1]
    expected = theory.expected_order_statistic_exponential(0.3, 8, rank)
    assert sample.mean() == pytest.approx(expected, abs=5 * sample.std() / math.sqrt(len(sample)))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_slowdown_hits_its_share_of_gradients(seed: int) -> None:
    times = drawn(compute(0.1, {"name": "random_slowdown", "probability": 0.2, "factor": 6.0}), seed)
    slow = np.isclose(times, 0.6)
    assert np.isclose(times[~slow], 0.1).all()
    assert slow.sum() == pytest.approx(0.2 * len(times), abs=5 * math.sqrt(0.16 * len(times)))
    assert abs(np.corrcoef(slow[1:], slow[:-1])[0, 1]) < 5 / math.sqrt(len(times))


@pytest.mark.parametrize("seed", SEEDS)
def test_bursty_is_slow_for_its_stationary_share(seed: int) -> None:
    """Σ work = fast time + slow time / f, so the slow share of the time follows from steps and seconds."""
    between, length, factor = 3.0, 1.0, 4.0
    rule = {"name": "bursty", "mean_between_s": between, "mean_length_s": length, "factor": factor}
    times = drawn(compute(0.05, rule), seed, count=60_000)
    total = times.sum()
    share = (total - 0.05 * len(times)) / (total * (1 - 1 / factor))
    error = theory.slow_share_deviation(between, length, total)
    assert share == pytest.approx(theory.slow_share(between, length), abs=5 * error)
    assert error < 0.01
    assert times.min() == pytest.approx(0.05)
    assert times.max() == pytest.approx(0.2)
    assert ((times > 0.051) & (times < 0.199)).any(), "a spell may begin in the middle of a gradient"


def test_a_gradient_across_spells_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fast until 1 s, slow (4 times) until 3 s, then fast: 2 s of work from 0.5 s on are 0.5 + 2 (of 0.5) + 1."""
    monkeypatch.setattr(Bursty, "spells", lambda *_: iter([(False, 1.0), (True, 3.0), (False, 99.0)]))
    rule = {"name": "bursty", "mean_between_s": 1, "mean_length_s": 1, "factor": 4.0}
    assert compute(2.0, rule).pace(0, 0, 1)(0.5) == pytest.approx(0.5 + 2.0 + 1.0)


def test_spells_are_exponential_and_begin_stationary() -> None:
    rule = Bursty(mean_between_s=3.0, mean_length_s=1.0, factor=2.0)
    spells = rule.spells(0, 0, 0)
    ends = [next(spells) for _ in range(4001)]
    lengths = np.diff([end for _, end in ends])
    slow = np.array([kind for kind, _ in ends[1:]])
    assert scipy.stats.kstest(lengths[slow], scipy.stats.expon(scale=1.0).cdf).pvalue > 1e-6
    assert scipy.stats.kstest(lengths[~slow], scipy.stats.expon(scale=3.0).cdf).pvalue > 1e-6
    first = np.array([next(rule.spells(0, 0, worker))[0] for worker in range(2000)])
    assert first.mean() == pytest.approx(0.25, abs=5 * math.sqrt(0.1875 / 2000))


def test_heterogeneous_workers_keep_their_speed() -> None:
    law = {"distribution": "lognorm", "s": 0.5, "scale": 2.0}
    settings = compute(0.1, {"name": "heterogeneous", "factor": law})
    factors = [drawn(settings, 3, count=5, worker=worker, workers=2000) / 0.1 for worker in range(2000)]
    assert all(np.ptp(factor) == 0 for factor in factors)
    assert scipy.stats.kstest([factor[0] for factor in factors], scipy.stats.lognorm(0.5, scale=2.0).cdf).pvalue > 1e-6


def test_a_fraction_of_the_workers() -> None:
    settings = compute(0.1, {"name": "persistent", "fraction": 0.3, "factor": 7.0})
    chosen = [frozenset(w for w in range(20) if settings.pace(seed, w, 20)(0.0) > 0.5) for seed in range(30)]
    assert {len(slow) for slow in chosen} == {6}
    assert len(set(chosen)) > 25
    counts = np.bincount([worker for slow in chosen for worker in slow], minlength=20)
    assert scipy.stats.chisquare(counts).pvalue > 1e-6


def test_rules_combine_and_are_drawn_apart() -> None:
    slowdown = {"name": "random_slowdown", "probability": 0.5, "factor": 3.0}
    twice = drawn(compute(0.1, slowdown, slowdown), 0)
    counts = [np.isclose(twice, value).sum() for value in (0.1, 0.3, 0.9)]
    assert scipy.stats.chisquare(counts, np.array([1, 2, 1]) * len(twice) / 4).pvalue > 1e-6
    persistent = {"name": "persistent", "workers": [0], "factor": 2.0}
    both = drawn(compute(0.1, slowdown, persistent), 0)
    alone = drawn(compute(0.1, slowdown), 0)
    np.testing.assert_allclose(both, 2 * alone)


def test_a_rule_for_others_leaves_a_workers_draws_alone() -> None:
    law = {"distribution": "expon", "scale": 0.1}
    plain = drawn(compute(law), 0)
    others = drawn(
        compute(law, {"name": "bursty", "workers": [2], "mean_between_s": 1, "mean_length_s": 1, "factor": 9}), 0
    )
    assert np.array_equal(plain, others)


@pytest.mark.parametrize("name", sorted(STRAGGLERS))
def test_every_rule_is_documented_and_named(name: str) -> None:
    assert STRAGGLERS[name].model_fields["name"].default == name
    assert STRAGGLERS[name].__doc__


def test_a_spell_is_still_there_for_work_that_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow (10 times) until 1 s: 0.2 s of work from 0 on take 1.1 s; dropped and begun again at 0.2 s, 0.92 s."""
    monkeypatch.setattr(Bursty, "spells", lambda *_: iter([(True, 1.0), (False, 50.0), (True, 99.0)]))
    pace = compute(0.2, {"name": "bursty", "mean_between_s": 1, "mean_length_s": 1, "factor": 10.0}).pace(0, 0, 1)
    assert pace(0.0) == pytest.approx(1.1)
    assert pace(0.2) == pytest.approx(0.8 + 0.12)
    assert pace(0.999) == pytest.approx(0.001 + 0.1999)
    assert pace(3.0) == pytest.approx(0.2)


def test_spells_are_in_time_whatever_is_dropped_in_them() -> None:
    """Long work is begun ten times a second and dropped each time: it is slow exactly when the spells say so."""
    rule = Bursty(mean_between_s=10.0, mean_length_s=5.0, factor=60.0)
    lengthen, spells = rule.lengthen(1, 0, 0), rule.spells(1, 0, 0)
    slow, end_s = next(spells)
    for tenth in range(10_000):
        now_s = tenth / 10
        while end_s <= now_s:
            slow, end_s = next(spells)
        lengthen(30.0, now_s)  # walks through several spells to its end
        assert lengthen(1e-9, now_s) == pytest.approx(60e-9 if slow else 1e-9, rel=0.01)
