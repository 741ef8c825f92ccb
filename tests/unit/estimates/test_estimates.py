"""What is estimated from a scenario, against what its run does; and that what cannot be run is refused before it."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import scipy.stats

import gossim
from gossim.cluster.durations import LAWS, SIMPLE_QUANTILES, SIMPLE_SHAPES, Distribution
from gossim.cluster.topology import TOPOLOGIES
from gossim.errors import InputError
from gossim.estimates import limits
from gossim.estimates.events import events
from gossim.estimates.limits import cost, machine_bytes, refuse_the_impossible
from gossim.estimates.paces import Paces, mean_s
from gossim.estimates.survivors import Departure, reached
from gossim.problems.build import build
from support.algorithms import ALGORITHMS
from support.cases import in_turn
from support.commands import ROOT
from support.present import present
from support.processes import ran
from support.scenarios import CPU, only_arm, scenario, world_of

SOME_TIME: dict[str, Any] = {"until": {"time_s": 30}, "workers": 8, "probe": {"every_s": 1.0}}
CLUSTERS: dict[str, dict[str, Any]] = {
    "even": {},
    "slow_links": {"network": {"latency_s": 0.15, "bandwidth_bytes_per_s": 1e4, "sharing": "none"}},
    "straggler": {"compute": {"time_s": 0.1, "stragglers": [{"workers": [3], "factor": 5}]}},
    "exponential": {"compute": {"time_s": {"distribution": "expon", "scale": 0.1}}},
    "heavy_tail": {"compute": {"time_s": {"distribution": "lomax", "c": 0.9, "scale": 0.05}}},
}


@pytest.mark.parametrize(("name", "cluster"), in_turn(sorted(ALGORITHMS), CLUSTERS))
def test_steps_messages_and_rows_are_estimated_within_a_factor_of_two(name: str, cluster: str) -> None:
    algorithm = ALGORITHMS[name]
    arm = only_arm(algorithm=algorithm, **{**SOME_TIME, **CLUSTERS[cluster]})
    world = world_of(arm, learns=False, message_bytes=800)
    for _ in world.windows(10**9, 10**9):
        pass
    network = present(arm.network).model_copy(update={"message_bytes": 800})
    told = cost(arm.model_copy(update={"network": network})).events
    begun = world.gradient_steps + arm.workers
    assert begun / 2.5 < told.steps < 2.5 * begun
    assert told.probe_rows == pytest.approx(8 * 31, rel=0.1)
    if algorithm["name"] in ("gosgd_push", "dpsgd", "sgp", "osgp", "adpsgd", "downpour"):
        sent = world.network.messages_sent
        assert sent / 2.5 - 10 < told.messages < 2.5 * sent + 10


def test_failures_and_spells_are_counted() -> None:
    faults = [{"name": "churn", "workers": [0, 1], "mean_up_s": 1.0, "mean_down_s": 0.5, "parameters": "kept"}]
    bursty = [{"name": "bursty", "mean_between_s": 2.0, "mean_length_s": 1.0, "factor": 2}]
    compute = {"time_s": 0.1, "stragglers": bursty}
    told = cost(only_arm(faults=faults, compute=compute, until={"time_s": 30})).events
    assert told.failures == 2 * 2 * 30 / 1.5
    assert told.spells == 4 * 2 * 30 / 3


@pytest.mark.parametrize("name", SIMPLE_QUANTILES)
def test_quantiles_that_need_no_scipy_are_scipys(name: str) -> None:
    given = dict.fromkeys(SIMPLE_SHAPES[name], 1.7) | {"scale": 0.3, "loc": 0.1}
    law = Distribution.model_validate({"distribution": name, **given})
    for share in (0.01, 0.5, 0.99):
        assert law.quantile(share) == pytest.approx(getattr(scipy.stats, name).ppf(share, **given), rel=1e-9)


def test_the_mean_of_a_law_is_that_of_what_the_run_can_see() -> None:
    shifted = LAWS["shifted_exponential"].model_validate({"shift_s": 1.0, "rate_per_s": 2.0})
    gamma, pareto = (
        Distribution.model_validate({"distribution": name, **shapes})
        for name, shapes in (("gamma", {"a": 2.0, "scale": 0.5}), ("pareto", {"b": 0.5}))
    )
    assert mean_s(shifted) == pytest.approx(1.5, rel=0.02)
    assert mean_s(gamma) == pytest.approx(1.0, rel=0.02)
    # Of a Pareto law with b = 1/2 there is no mean; E[min(X, c)] = 2√c − 1.
    assert mean_s(pareto, 100.0) == pytest.approx(19.0, rel=0.1)


def test_the_last_of_many_exponential_times_is_near_the_harmonic_number() -> None:
    arm = only_arm(workers=100, compute={"time_s": {"distribution": "expon", "scale": 1.0}}, until={"time_s": 1e6})
    assert Paces(arm).longest_s(100) == pytest.approx(sum(1 / n for n in range(1, 101)), rel=0.02)


@pytest.mark.parametrize("name", sorted(set(TOPOLOGIES) - {"edge_list"}))
def test_links_are_counted_without_drawing_them(name: str) -> None:
    settings = only_arm(workers=16, topology={"name": name, **TOPOLOGIES[name].example}).topology
    built = settings.build(16, seed=1)
    rounds = 200 if name in ("matchings",) else 1
    links = sum(len(built.neighbours(worker, round)) for worker in range(16) for round in range(rounds)) / rounds / 16
    assert settings.links_each(16) == pytest.approx(links, rel=0.25)


LARGE: dict[str, dict[str, Any]] = {
    "workers": {"workers": 10**9},
    "probe.every_s": {"probe": {"every_s": 1e-9}},
    "compute.time_s": {"compute": {"time_s": 1e-12}},
    "a law near 0": {"compute": {"time_s": {"distribution": "expon", "scale": 1e-200}}},
    "faults": {"faults": [{"name": "churn", "mean_up_s": 1e-9, "mean_down_s": 1e-9, "parameters": "kept"}]},
    "compute.stragglers": {
        "compute": {
            "time_s": 0.1,
            "stragglers": [{"name": "bursty", "mean_between_s": 1e-9, "mean_length_s": 1e-9, "factor": 2}],
        }
    },
    "repeats": {"repeats": 2**62},
    "problem.model": {"problem": {"model": {"name": "quadratic", "dim": 10**10}}},
    "hidden": {
        "problem": {"model": {"name": "mlp", "hidden": [10**9]}, "data": {"name": "digits"}, "batch_size": 1},
    },
    "problem.batch_size": {
        "problem": {"model": {"name": "mlp", "hidden": [2]}, "data": {"name": "digits"}, "batch_size": 2**62},
    },
    "topology": {"workers": 10**7, "algorithm": {"name": "dpsgd"}},
    "partitions": {
        "network": {
            "latency_s": 0.0,
            "bandwidth_bytes_per_s": None,
            "resend": True,
            "resend_timeout_s": 1e-9,
            "partitions": [{"from_s": 0.0, "until_s": 29.0, "groups": [[0, 1], [2, 3]]}],
        }
    },
}


@pytest.mark.parametrize("key", LARGE)
def test_what_nobody_could_run_is_refused_within_a_second_with_the_key(key: str) -> None:
    settings = scenario(**{"until": {"time_s": 30}, "probe": {"every_s": 1.0}, **LARGE[key]})
    begun_s = time.process_time()
    with pytest.raises(InputError, match=r"--no-limits") as refused:
        gossim.run(settings)
    assert time.process_time() - begun_s < 1
    if "." in key or key in ("workers", "faults", "repeats"):
        assert key in str(refused.value)


def test_a_machine_with_less_memory_refuses_more(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = scenario(workers=1000)
    refuse_the_impossible(settings)
    monkeypatch.setattr(limits, "machine_bytes", lambda: 4e8)
    with pytest.raises(InputError, match=r"arm 'arm': would take about 5\d\d.\d MB of memory, .* has 400.0 MB"):
        refuse_the_impossible(settings)
    gossim.run(scenario(), gradients=False, limits=False)


def test_a_point_of_a_sweep_is_refused_by_its_name() -> None:
    with pytest.raises(InputError, match=r"workers = 1000000000: arm 'arm': would take"):
        gossim.sweep(scenario(), over={"workers": [2, 10**9]})


def test_above_an_hour_the_estimate_is_told_and_below_none() -> None:
    assert refuse_the_impossible(scenario()) is None
    told = refuse_the_impossible(scenario(until={"time_s": 3e6}, probe={"every_s": 1e6}))
    assert told is not None
    assert "hours of one core" in told


def test_shipped_scenarios_can_be_run_on_24_gib() -> None:
    for file in (ROOT / "scenarios").glob("*.yaml"):
        data = gossim.scenario.scenario.read(file)
        described = gossim.Scenario.parse({key: value for key, value in data.items() if key != "sweep"})
        for arm in described.arms.values():
            assert cost(arm, described.repeats).memory.total < 24 * 2**30, file


def test_the_machine_has_memory() -> None:
    assert 1e8 < machine_bytes() < 1e15


MEASURED = """
import re, sys
import gossim
scenario = gossim.load(sys.argv[1]).override({"workers": int(sys.argv[2])})
gossim.run(scenario, gradients=sys.argv[3] == "learning")
print(int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read as Linux tells it")
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["learning", "clock"])
def test_memory_is_estimated_within_a_factor_of_three(kind: str, tmp_path: Path) -> None:
    settings = scenario(
        problem={"model": {"name": "quadratic", "dim": 100}}, until={"time_s": 1.0}, probe={"every_s": 0.5}
    )
    file = tmp_path / "s.yaml"
    file.write_text(settings.to_yaml(), encoding="utf-8")
    taken = {}
    for workers in (2, 4_000):
        command = [sys.executable, "-c", MEASURED, str(file), str(workers), kind]
        taken[workers] = int(ran(command).stdout.split()[-1])
    told = {n: cost(settings.override({"workers": n}).arms["arm"], 1, kind == "learning").memory.total for n in taken}
    assert told[2] / 3 < taken[2] < 3 * told[2]
    assert (told[4_000] - told[2]) / 3 < taken[4_000] - taken[2] < 3 * (told[4_000] - told[2])


def test_minibatches_take_what_is_said() -> None:
    settings = {"model": {"name": "logistic"}, "data": {"name": "digits"}, "batch_size": 50}
    arm = only_arm(problem=settings, workers=100)
    problem: Any = build(present(arm.problem), 100, 0, "float32", CPU)
    drawn = problem.minibatches._drawn.nbytes
    assert drawn <= cost(arm).memory.parts["for data and minibatches"][0] < 3 * drawn + 5e6


# Workers that are down for good.


def test_steps_that_are_left_to_a_slow_worker_take_its_time() -> None:
    """20 steps: worker 0 takes 2 of 0.1 s and is gone, worker 1 takes the others, of 1,000 s each."""
    slow = {"time_s": 0.1, "stragglers": [{"name": "persistent", "workers": [1], "factor": 1e4}]}
    gone = {"name": "crash", "workers": [0], "at_s": 0.25}
    arm = only_arm(algorithm={"name": "sgd"}, workers=2, compute=slow, faults=[gone], until={"gradient_steps": 20})
    assert events(arm, 100.0).time_s == pytest.approx(18_000, rel=0.05)
    assert events(arm, 100.0).steps == pytest.approx(22)


def test_what_goes_on_for_ever_because_the_fast_are_gone_is_refused() -> None:
    slow = {"time_s": 0.1, "stragglers": [{"name": "persistent", "workers": [1], "factor": 1e10}]}
    gone = {"name": "crash", "workers": [0], "at_s": 0.1}
    asked = scenario(algorithm={"name": "sgd"}, workers=2, compute=slow, faults=[gone], until={"gradient_steps": 60})
    with pytest.raises(InputError, match="118.0 TB for tables .probe.every_s, workers, until"):
        refuse_the_impossible(asked)


def test_who_is_left_when_some_are_gone() -> None:
    """Steps of 8 a second: half of that from 1 s on, nothing from 3 s on."""
    lost = [Departure(1.0, 0.5), Departure(3.0, 0.5)]
    assert reached(4, 8.0, lost, math.inf) == (4, 0.5)
    assert reached(12, 8.0, lost, math.inf) == (12, 2.0)
    assert reached(17, 8.0, lost, math.inf) == (16, 3.0)
    assert reached(17, 8.0, lost, 10.0) == (16, 10.0)
    assert reached(12, 8.0, lost, 1.5) == (10, 1.5)
    assert reached(12, 8.0, [], math.inf) == (12, 1.5)
