"""Sliders: which mean something, what moving them changes, and the smaller run behind the pictures."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gossim.errors import InputError, ScenarioError
from gossim.estimates.limits import work_s
from gossim.interactive.outcome import outcome, pictures
from gossim.interactive.sliders import changed, sliders
from gossim.interactive.smaller import BUDGET_S, smaller
from gossim.scenario.scenario import Scenario
from support.reports import small_run
from support.scenarios import BASE, DIGITS

SLOW = {"time_s": {"distribution": "lognorm", "s": 0.4, "scale": 0.1}, "stragglers": [{"workers": [3], "factor": 5}]}
ARMS: dict[str, Any] = {
    "a.b": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
    "ring": {"algorithm": {"name": "allreduce", "collective": "ring"}},
    "alone": {"algorithm": {"name": "sgd"}, "workers": 1},
}


def scenario(**sections: Any) -> Scenario:
    return Scenario.parse(copy.deepcopy({**BASE, "compute": SLOW, "arms": ARMS, **sections}))


def keys(settings: Scenario) -> list[str]:
    return [slider.key for slider in sliders(settings)]


def test_sliders_are_those_that_change_something() -> None:
    factor, network = "compute.stragglers.0.factor", ["network.latency_s", "network.bandwidth_bytes_per_s"]
    assert keys(scenario()) == [factor, "p", "workers", *network, "optimizer.learning_rate"]
    plain = {"compute": BASE["compute"]}
    assert keys(scenario(**plain, arms={"ring": ARMS["ring"]})) == ["workers", *network, "optimizer.learning_rate"]
    assert keys(scenario(**plain, workers=1, network=None, arms={"alone": ARMS["alone"]})) == [
        "optimizer.learning_rate"
    ]
    assert keys(scenario(**plain, arms={"alone": ARMS["alone"]})) == ["optimizer.learning_rate"]
    sized = {**BASE["network"], "message_bytes": 800}
    assert "optimizer.learning_rate" not in keys(scenario(problem=None, network=sized))
    own: dict[str, Any] = {"ring": {**ARMS["ring"], "optimizer": {"learning_rate": 0.3}}}
    assert "optimizer.learning_rate" not in keys(scenario(**plain, arms=own))


def test_every_slider_holds_the_scenarios_own_value() -> None:
    for slider in sliders(scenario()):
        assert slider.start in slider.values
        assert list(slider.values) == sorted(set(slider.values))


def test_unmoved_sliders_change_nothing() -> None:
    settings = scenario()
    moved = changed(settings, {slider.key: slider.start for slider in sliders(settings)}, list(ARMS))
    assert moved.to_data() == {**settings.to_data(), "unused": "warn"}


def test_a_moved_slider_changes_its_key_in_the_arms_that_follow_it() -> None:
    values = {"p": 0.1, "workers": 6.0, "compute.stragglers.0.factor": 20.0, "network.latency_s": 0.5}
    moved = changed(scenario(), values, ["a.b", "alone"])
    push, alone = moved.arms["a.b"], moved.arms["alone"]
    assert list(moved.arms) == ["a.b", "alone"]
    assert (push.workers, alone.workers) == (6, 1)
    assert push.algorithm.model_dump()["push_probability"] == 0.1
    assert push.compute.stragglers[0].model_dump()["factor"] == 20.0
    assert push.network is not None
    assert push.network.latency_s == 0.5


def test_what_cannot_be_is_said_in_a_sentence() -> None:
    settings = scenario()
    with pytest.raises(ScenarioError, match="must be below 2: workers are numbered 0 to 1"):
        changed(settings, {"workers": 2.0}, ["ring"])
    with pytest.raises(InputError, match="arms: choose at least one"):
        changed(settings, {}, [])
    with pytest.raises(InputError, match="unknown arm 'rings'; did you mean 'ring'"):
        changed(settings, {}, ["rings"])
    with pytest.raises(InputError, match="worker: there is no such slider; did you mean 'workers'"):
        changed(settings, {"worker": 3.0}, ["ring"])
    found = outcome(settings, {"workers": 2.0}, ["ring"])
    assert not found.charts
    assert "must be below 2" in found.error


def test_a_small_scenario_runs_whole() -> None:
    few = smaller(scenario(until={"gradient_steps": 40}))
    assert few.note == ""
    assert few.scenario == scenario()


def test_a_large_scenario_is_cut_to_what_the_budget_allows_and_says_so() -> None:
    problem = {"model": {"name": "mlp", "hidden": [32]}, "data": DIGITS, "batch_size": 20}
    settings = scenario(until={"time_s": 5000.0}, repeats=3, problem=problem, dtype="float32")
    few = smaller(settings)
    assert work_s(settings) > 10 * BUDGET_S
    assert work_s(few.scenario) <= BUDGET_S
    end_s = few.scenario.until.time_s
    assert end_s is not None
    assert end_s < 5000
    assert few.scenario.repeats == 1
    assert 20 <= end_s / few.scenario.probe.every_s <= 60
    assert f"A smaller run: it ends after {end_s:g} s of simulated time, and the scenario's after 5000 s" in few.note
    assert "One seed, 0, of 3." in few.note
    assert "Losses are measured on 256 samples." in few.note
    assert few.scenario.problem is not None
    assert few.scenario.problem.evaluate.test_samples == 256


def test_a_run_is_long_enough_for_some_steps_whatever_the_budget() -> None:
    few = smaller(scenario(until={"gradient_steps": 4000}), budget_s=1e-6)
    assert few.scenario.until.gradient_steps == 32  # 8 of each of four workers


def test_pictures_are_those_of_the_run() -> None:
    results = small_run()
    charts = {chart.key: chart.figure for chart in pictures(results)}
    assert list(charts) == ["test_loss_by_time", "consensus_distance_by_time", "alpha_sum_by_time", "timeline"]
    loss = charts["test_loss_by_time"]
    own = results.probes[results.probes["arm"] == "alone"].groupby("time_s")["test_loss"].mean()
    (drawn,) = [trace for trace in loss.data if trace.name == "alone"]
    assert list(drawn.y) == pytest.approx(own.to_list())
    bars = [trace for trace in charts["timeline"].data if trace.name == "computing"]
    first = results.timeline.query("arm == 'push' and seed == 0 and activity == 'computing'")
    shown = first[first["start_s"] < charts["timeline"].layout.xaxis.range[1]]
    assert sorted(bars[0].base) == pytest.approx(sorted(shown["start_s"]))
    assert bars[0].x.sum() == pytest.approx((shown["end_s"] - shown["start_s"]).sum())


def test_a_run_that_diverges_shows_what_it_recorded_and_says_why() -> None:
    found = outcome(scenario(until={"time_s": 60.0}), {"optimizer.learning_rate": 1e12}, ["ring"])
    assert "diverged" in found.error


def test_fewer_workers_than_the_scenarios_are_said() -> None:
    settings = scenario(workers=100, until={"gradient_steps": 200})
    (workers,) = [slider for slider in sliders(settings) if slider.key == "workers"]
    assert (workers.start, workers.values[-1]) == (64, 64)
    found = outcome(settings, {"workers": workers.start}, ["a.b"])
    assert found.note.startswith("64 workers, and the scenario has 100.")
