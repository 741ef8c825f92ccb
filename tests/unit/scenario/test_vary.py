"""`--vary`: every arm once for each value, in one run, each as it runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import gossim
from gossim.errors import ScenarioError
from gossim.scenario.scenario import Scenario
from gossim.scenario.vary import varied
from support.commands import gossim_command
from support.present import present
from support.scenarios import BASE, scenario

GOSSIP = {"name": "gosgd_push", "push_probability": 0.5}
TWO = {
    "compute": {"time_s": 0.1, "stragglers": [{"workers": [3], "factor": 2}]},
    "arms": {"push": {"algorithm": GOSSIP}, "one": {"algorithm": {"name": "sgd"}, "workers": 1}},
}
FACTOR = "compute.stragglers.0.factor"


def test_every_arm_once_for_each_value() -> None:
    assert list(varied(scenario(**TWO), {FACTOR: [5, 20]}).arms) == [
        "push (factor=5)",
        "push (factor=20)",
        "one (factor=5)",
        "one (factor=20)",
    ]


def test_several_keys_make_the_product_the_last_the_fastest() -> None:
    both = varied(scenario(), {"optimizer.learning_rate": [0.1, 0.2], "network.latency_s": [0.0, 1e-3]})
    assert list(both.arms) == [
        f"arm (learning_rate={rate}, latency_s={latency})" for rate in (0.1, 0.2) for latency in (0.0, 0.001)
    ]
    assert present(both.arms["arm (learning_rate=0.2, latency_s=0.001)"].optimizer).learning_rate == 0.2


def test_an_arm_is_what_it_is_when_the_value_is_set() -> None:
    both = varied(scenario(**TWO), {FACTOR: [5, 20]})
    for factor in (5, 20):
        alone = scenario(**TWO).override({FACTOR: factor})
        for name in alone.arms:
            assert both.arms[f"{name} (factor={factor})"] == alone.arms[name]


def test_its_numbers_are_those_of_a_run_with_the_value_set() -> None:
    rate = "optimizer.learning_rate"
    both = gossim.run(scenario(), vary={rate: [0.01, 0.1]}).probes
    for value in (0.01, 0.1):
        alone = gossim.run(scenario().override({rate: value})).probes
        own = both[both["arm"] == f"arm (learning_rate={value})"]
        assert len(own) == len(alone) > 2
        for column in ("time_s", "bytes_sent", "train_loss", "consensus_distance"):
            assert np.array_equal(own[column], alone[column])


def test_an_arm_with_a_value_of_its_own_runs_once_under_its_name() -> None:
    grid = {"workers": [2, 3]}
    data = {**BASE, "arms": {"arm": {"algorithm": GOSSIP}, "one": {"algorithm": {"name": "sgd"}, "workers": 1}}}
    assert list(varied(Scenario.parse(data), grid).arms) == ["arm (workers=2)", "arm (workers=3)", "one"]


def test_a_key_in_an_arm_concerns_that_arm_alone() -> None:
    probability = "arms.push.algorithm.push_probability"
    arms = varied(scenario(**TWO), {probability: [0.1, 1]}).arms
    assert list(arms) == ["push (push_probability=0.1)", "push (push_probability=1)", "one"]


def test_keys_that_end_alike_are_told_apart_and_lists_stand_in_round_brackets() -> None:
    model = {"name": "mlp", "hidden": [8]}
    problem = {"model": model, "data": {"name": "digits"}, "batch_size": 2}
    over: dict[str, list[Any]] = {
        "problem.model.hidden": [[8], [8, 4]],
        "problem.model.name": ["mlp"],
        "problem.data.name": ["digits"],
    }
    arms = varied(scenario(problem=problem), over).arms
    assert list(arms)[1] == "arm (hidden=(8, 4), model.name=mlp, data.name=digits)"
    numbered = varied(scenario(problem=problem), {"problem.model.hidden.0": [4, 8]})
    assert list(numbered.arms) == ["arm (hidden.0=4)", "arm (hidden.0=8)"]


def test_what_is_resolved_reads_back_as_the_same() -> None:
    both = varied(scenario(**TWO), {FACTOR: [5, 20], "optimizer.learning_rate": [0.1, 0.3]})
    assert Scenario.parse(yaml.safe_load(both.to_yaml())) == both


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"wrokers": [1, 2]}, "wrokers = 1: unknown key; did you mean 'workers'?"),
    ({"workers": [2, 0]}, "workers = 0: must be a whole number >= 1"),
    ({"workers": []}, "workers = []: must have at least one value"),
    ({"workers": 3}, "workers = 3: must have at least one value"),
    ({"workers": [2, 2.0]}, "workers: 2 and 2.0 make the same runs"),
    ({"seed": [1, 2]}, "seed: cannot be varied: all arms of a run share it"),
    ({"target.train_loss": [1, 2]}, "target.train_loss: cannot be varied: all arms of a run share it"),
    ({"arms": [{}, {}]}, "arms: cannot be varied as a whole"),
    ({"arms.amr.workers": [1, 2]}, "arms.amr.workers: unknown arm 'amr'; did you mean 'arm'?"),
    ({"compute": [1], "compute.time_s": [1, 2]}, "cannot be varied beside compute"),
    ({"optimizer.learning_rate": list(range(1, 300))}, "gives 299 arms; at most 200 are allowed"),
]


@pytest.mark.parametrize(("grid", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_varied_is_refused(grid: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        varied(scenario(), grid)
    assert message in str(error.value)


def test_a_key_that_every_arm_has_for_itself_is_refused() -> None:
    data = {**BASE, "arms": {"arm": {"algorithm": GOSSIP, "workers": 2}}}
    with pytest.raises(ScenarioError, match="has no effect: every arm has its own"):
        varied(Scenario.parse(data), {"workers": [3, 4]})


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**BASE, "until": {"time_s": 0.5}}))
    return path


def test_the_command_runs_resumes_and_takes_set_beside_it(small: Path) -> None:
    command = ["run", small, "--vary", "workers=2,3", "--set", "optimizer.learning_rate=0.1", "--jobs", "1"]
    done = gossim_command(*command, cwd=small.parent)
    assert done.returncode == 0, done.stderr
    out = small.parent / "runs" / "small,optimizer.learning_rate=0.1,workers=2,3"
    results = gossim.Results.open(out)
    assert list(results.scenario.arms) == ["arm (workers=2)", "arm (workers=3)"]
    assert {present(arm.optimizer).learning_rate for arm in results.scenario.arms.values()} == {0.1}
    again = gossim_command(*command, cwd=small.parent)
    assert again.returncode == 0
    assert "holds this very run" in again.stderr
    other = gossim_command("run", small, "--vary", "workers=2,4", "--out", out, cwd=small.parent)
    assert other.returncode == 2
    assert "holds a complete run" in other.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vary", "workers"], "--vary workers: must be KEY=V1,V2"),
        (["--vary", "workers="], "--vary workers=: must give at least one value"),
        (["--vary", "workers=2,[3"], "the values must be valid YAML"),
        (["--vary", "workers=2", "--vary", "workers=3"], "'workers' is varied already"),
        (["--vary", "workers=2,3", "--set", "workers=4"], "--vary workers: workers is set too"),
        (["--vary", "wrokers=2,3"], "wrokers = 2: unknown key; did you mean 'workers'?"),
    ],
)
def test_the_command_refuses_with_status_2(options: list[str], message: str, small: Path) -> None:
    done = gossim_command("run", small, *options, cwd=small.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (small.parent / "runs").exists()
