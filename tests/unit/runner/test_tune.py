"""Tuning: each arm's best values, chosen on seeds of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import gossim
from gossim.errors import InputError, ScenarioError
from gossim.runner.tune import tune
from gossim.scenario.scenario import Scenario
from support.commands import gossim_command
from support.present import present

RATE = "optimizer.learning_rate"
CURVATURE = 10.0
"""Of the quadratic: SGD is stable below 2/10, and slow far below."""

DATA: dict[str, Any] = {
    "workers": 2,
    "seed": 5,
    "repeats": 2,
    "until": {"time_s": 2},
    "problem": {"model": {"name": "quadratic", "dim": 3}},
    "optimizer": {"learning_rate": 0.1},
    "compute": {"time_s": 0.1},
    "network": {"latency_s": 0.0, "bandwidth_bytes_per_s": None},
    "probe": {"every_s": 0.5},
    "arms": {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        "fixed": {"algorithm": {"name": "allreduce"}, "optimizer": {"learning_rate": 0.05}},
    },
}


def scenario(**more: Any) -> Scenario:
    return Scenario.parse({**DATA, **more})


def loss_after(rate: float, until_s: float = 2.0) -> float:
    """What an arm `push` with that rate reaches on the trial seeds, by runs of their own."""
    own = scenario(seed=7, repeats=2, until={"time_s": until_s}, optimizer={"learning_rate": rate})
    return float(gossim.run(own).summary().loc["push", "train_loss"])


def test_the_best_is_that_of_runs_with_each_value_on_the_trial_seeds() -> None:
    rates = [0.01, 0.03, 0.1]
    found = tune(scenario(), {RATE: rates}, seeds=2)
    losses = [loss_after(rate) for rate in rates]
    assert found.chosen == {"push": {RATE: rates[int(np.argmin(losses))]}}
    assert np.array_equal(found.trials.groupby(RATE)["train_loss"].mean(), losses)
    assert set(found.trials["seed"]) == {7, 8}, "the scenario's own seeds are 5 and 6"
    assert found.trials["chosen"].sum() == 2


def test_the_winners_run_on_the_scenario_s_seeds_and_others_once_as_they_are() -> None:
    found = tune(scenario(), {RATE: [0.01, 0.1]}, seeds=1)
    won = found.chosen["push"][RATE]
    expected = gossim.run(scenario().override({RATE: won}))
    assert found.results.probes.equals(expected.probes)
    assert set(found.trials["arm"]) == {"push"}
    assert present(found.results.scenario.arms["fixed"].optimizer).learning_rate == 0.05


def test_a_key_of_one_arm_tunes_it_alone() -> None:
    key = "arms.push.algorithm.push_probability"
    found = tune(scenario(), {key: [0.1, 1.0], RATE: [0.03, 0.1]}, seeds=1)
    assert len(found.trials) == 4
    assert set(found.chosen["push"]) == {key, RATE}


def test_an_edge_is_warned_of_and_widened_until_it_is_none() -> None:
    told = tune(scenario(), {RATE: [0.001, 0.002]}, seeds=1)
    rule = "is the highest value that was tried; a better one may lie beyond it"
    assert told.warnings == [f"arm 'push': {RATE} = 0.002 {rule}"]
    wider = tune(scenario(), {RATE: [0.01, 0.04]}, seeds=1, widen=True)
    tried = sorted(set(wider.trials[RATE]))
    assert tried[:3] == [0.01, 0.04, 0.16]
    assert min(tried) < wider.chosen["push"][RATE] < max(tried)
    assert not wider.warnings


def test_what_diverges_is_not_chosen_and_all_that_diverge_are_an_error() -> None:
    found = tune(scenario(until={"time_s": 60}), {RATE: [0.05, 40.0]}, seeds=1)
    assert found.chosen["push"][RATE] == 0.05
    assert "diverged" in set(found.trials["status"])
    with pytest.raises(InputError, match=r"arms\.push: diverged or broke at every value that was tried"):
        tune(scenario(until={"time_s": 60}), {RATE: [40.0, 50.0]}, seeds=1)


def test_time_to_the_target_counts_by_default_and_values_that_reach_it_come_first() -> None:
    goal = loss_after(0.03) * 1.01
    found = tune(scenario(target={"train_loss": goal}), {RATE: [0.001, 0.03, 0.06]}, seeds=2)
    times = found.trials.groupby(RATE)["time_to_target_s"].mean()
    assert np.isnan(times[0.001])
    assert found.chosen["push"][RATE] == times.idxmin()
    never = tune(scenario(target={"train_loss": 1e-30}), {RATE: [0.001, 0.03]}, seeds=1)
    assert never.chosen["push"][RATE] == 0.03
    assert any("reached the target at no value" in warning for warning in never.warnings)


def test_the_directory_holds_the_run_and_all_trials_and_the_same_again_is_stored(tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    first = tune(scenario(), {RATE: [0.03, 0.1]}, out, seeds=1)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "trials.parquet"), first.trials)
    assert gossim.Results.open(out).probes.equals(first.results.probes)
    begun = [file.stat().st_mtime_ns for file in sorted(out.rglob("probes.parquet"))]
    again = tune(scenario(), {RATE: [0.03, 0.1]}, out, seeds=1)
    assert [file.stat().st_mtime_ns for file in sorted(out.rglob("probes.parquet"))] == begun
    pd.testing.assert_frame_equal(again.trials, first.trials)


@pytest.mark.parametrize(
    ("over", "options", "message"),
    [
        ({}, {}, "over: must name at least one key"),
        ({"optimizer.learning_rat": [0.1, 0.2]}, {}, "did you mean"),
        ({RATE: [0.1, -1]}, {}, "learning_rate = -1"),
        ({RATE: [0.1, 0.2]}, {"seeds": 0}, "seeds = 0"),
        (
            {RATE: [0.1, 0.2]},
            {"metric": "train_los"},
            "metric = train_los: is not measured .*; did you mean",
        ),
        ({RATE: [0.1, 0.2]}, {"metric": "time_to_target_s"}, "is not measured in this scenario"),
    ],
)
def test_what_cannot_be_tuned_is_refused(over: Any, options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, ScenarioError), match=message):
        tune(scenario(), over, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_chose(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(DATA))
    command = ["tune", tmp_path / "s.yaml", "--over", f"{RATE}=0.001,0.01", "--seeds", "1", "--jobs", "1"]
    done = gossim_command(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"push: {RATE} = 0.01" in done.stdout
    assert "is the highest value that was tried" in done.stderr
    assert (tmp_path / "runs" / "s,tuned" / "trials.parquet").exists()
    bad = gossim_command("tune", tmp_path / "s.yaml", "--over", RATE, cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "--over optimizer.learning_rate: must be KEY=V1,V2" in bad.stderr


def test_a_list_and_a_number_are_one_column_of_texts(tmp_path: Path) -> None:
    own = scenario(repeats=1, arms={"push": DATA["arms"]["push"]})
    found = tune(own, {RATE: [[0.1, 0.0], 0.1]}, seeds=1, out=tmp_path / "out")
    assert sorted(found.trials[RATE]) == ["0.1", "[0.1, 0.0]"]
    assert found.chosen == {"push": {RATE: 0.1}}, "one that stands still holds the mean back"
