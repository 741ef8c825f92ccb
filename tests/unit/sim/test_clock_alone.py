"""The clock alone: nothing is learned, and the times are the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

import gossim
from gossim.errors import ScenarioError
from gossim.problems import MODELS, ProblemSettings
from gossim.problems.build import build
from gossim.problems.data import DATA, loaded
from gossim.scenario.derived import message_bytes
from support.algorithms import ALGORITHMS
from support.cases import case
from support.commands import gossim_command
from support.problems import PROBLEMS
from support.processes import ran
from support.scenarios import BASE, CPU, DIGITS, scenario, world_of

NETWORK = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "none", "message_bytes": 40}


@pytest.mark.parametrize("name", ["allreduce", "downpour", "gosgd_push", "sgp"])
def test_times_weights_and_bytes_are_those_of_the_run_that_learns(name: str) -> None:
    """In the tables; what they are made of is compared for each algorithm in tests/properties/test_executors.py."""
    algorithm = ALGORITHMS[name]
    full = gossim.run(scenario(algorithm=algorithm, problem=PROBLEMS["quadratic"]))
    learned = ["consensus_distance", "consensus_max", "train_loss", "test_loss", "test_accuracy"]
    without_gradients = gossim.run(scenario(algorithm=algorithm, problem=PROBLEMS["quadratic"]), gradients=False)
    without_problem = gossim.run(scenario(algorithm=algorithm, problem="none", optimizer=None, network=NETWORK))
    for name, alone in {"--no-gradients": without_gradients, "problem: none": without_problem}.items():
        with case(name):
            assert alone.probes[learned].isna().all(axis=None)
            assert alone.workers["distance"].isna().all()
            pd.testing.assert_frame_equal(
                alone.probes.drop(columns=learned), full.probes.drop(columns=learned), check_exact=True
            )
            pd.testing.assert_frame_equal(alone.workers.drop(columns="distance"), full.workers.drop(columns="distance"))
            pd.testing.assert_frame_equal(alone.timeline, full.timeline)
            assert alone.manifest["device"] == "none"


def test_the_clock_alone_has_no_figure_of_what_is_learned() -> None:
    alone, full = gossim.run(scenario(), gradients=False).plot(), gossim.run(scenario()).plot()
    assert full.keys() - alone.keys() == {"loss", "loss_by_steps", "consensus_distance"}
    assert alone.keys() < full.keys()


def test_the_clock_alone_imports_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "clock.yaml"
    path.write_text(
        yaml.safe_dump({**BASE, "problem": {"model": {"name": "mlp", "hidden": [9]}, "data": DIGITS, "batch_size": 4}})
    )
    code = (
        "import sys, gossim.plots; from gossim.cli.main import main; import gossim.runner.figure_process as figures\n"
        "figures.cores = lambda: 1  # in this process, and no more of them than show that the rest is loaded\n"
        "gossim.plots.FIGURES = {'alpha': gossim.plots.FIGURES['alpha']}\n"
        f"sys.argv = ['gossim', 'run', {str(path)!r}, '--no-gradients', '--out', {str(tmp_path / 'out')!r}]\n"
        "try: main()\n"
        "except SystemExit as end: sys.exit('torch' in sys.modules or end.code)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = ran([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    results = gossim.Results.open(tmp_path / "out")
    messages = results.probes["messages_sent"]
    assert (results.probes["bytes_sent"] == messages * (65 * 9 + 10 * 10) * 8).all()
    assert messages.max() > 5


def test_the_table_shows_throughput_and_idle_share(tmp_path: Path) -> None:
    path = tmp_path / "clock.yaml"
    path.write_text(yaml.safe_dump({**BASE, "arms": {"together": {"algorithm": {"name": "allreduce"}}}}))
    done = gossim_command("run", path, "--no-gradients", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "per s" in done.stdout
    assert "idle" in done.stdout
    summary = gossim.Results.open(tmp_path / "out").summary().loc["together"]
    assert summary["steps_per_s"] == pytest.approx(summary["gradient_steps"] / summary["time_s"])
    assert 0.2 < summary["idle_share"] < 0.8


def test_the_idle_share_agrees_with_hand_arithmetic() -> None:
    """Rounds of 0.4 s, in which the others compute for 0.1 s: (3 · 0.3 + 0)/(4 · 0.4)."""
    results = gossim.run(
        scenario(
            algorithm={"name": "allreduce"},
            compute={"time_s": 0.1, "stragglers": [{"workers": [2], "factor": 4}]},
            network={"latency_s": 0, "bandwidth_bytes_per_s": None},
            until={"time_s": 4.0},
        ),
        gradients=False,
    )
    assert results.summary().loc["arm", "idle_share"] == pytest.approx(0.9 / 1.6, rel=1e-9)
    assert results.summary().loc["arm", "steps_per_s"] == pytest.approx(10.0)


@pytest.mark.parametrize("name", ["sgd", "allreduce", "local_sgd", "gosgd_push", "gosgd_pull"])
def test_staleness_agrees_with_hand_arithmetic(name: str) -> None:
    """Constant times: a push waits for its receiver's next gradient; a pull is merged as it arrives."""
    arm = scenario(
        algorithm=ALGORITHMS[name], compute={"time_s": 0.1}, until={"time_s": 50.0},
        network={"latency_s": 0.03, "bandwidth_bytes_per_s": None},
    ).arms["arm"]  # fmt: skip
    world = world_of(arm, learns=False)
    for _ in world.windows(10_000, 10**9):
        pass
    steps, seconds = world.staleness()
    if name == "gosgd_push":
        assert seconds == pytest.approx(0.1, abs=1e-9)  # sent at a step, merged at the receiver's next
        assert steps == pytest.approx(4, abs=1)
    elif name == "gosgd_pull":
        assert seconds == pytest.approx(0.03, abs=1e-9)
    else:
        assert (steps, seconds) == (None, None)


@pytest.mark.parametrize("data", ["digits", "mnist5k"])
@pytest.mark.parametrize("model", [{"name": "logistic"}, {"name": "mlp", "hidden": [7, 5]}, {"name": "gosgd_cnn"}])
def test_parameters_are_counted_without_building(model: dict[str, Any], data: str) -> None:
    settings = ProblemSettings.model_validate({"model": model, "data": {"name": data}, "batch_size": 2})
    if (model["name"], data) != ("gosgd_cnn", "digits"):
        assert settings.parameters() == build(settings, 2, 0, "float32", CPU).dim == settings.built_parameters()
    spec, loaded_set = DATA[data].model_validate({}), loaded(DATA[data].model_validate({}))
    assert spec.shape == loaded_set.shape
    assert spec.train_samples == len(loaded_set.train_y)


def test_the_cnn_on_cifar_is_counted_too() -> None:
    settings = {"model": {"name": "gosgd_cnn"}, "data": {"name": "cifar10"}, "batch_size": 2}
    assert ProblemSettings.model_validate(settings).parameters() == 286_154
    base: Any = MODELS["mlp"].__base__
    assert all(MODELS[name].parameters is not base.parameters for name in MODELS)


def test_a_message_is_as_large_as_the_parameters_or_as_stated() -> None:
    assert message_bytes(scenario().arms["arm"]) == 5 * 8
    assert message_bytes(scenario(dtype="float32").arms["arm"]) == 5 * 4
    assert message_bytes(scenario(network={**NETWORK, "message_bytes": 123}).arms["arm"]) == 123
    own = scenario(problem={"model": {"name": "support.networks:told_shape"}, "data": DIGITS, "batch_size": 2})
    drawn = torch.random.get_rng_state()
    assert message_bytes(own.arms["arm"]) == (64 * 4 + 4 + 40 + 10) * 8
    assert torch.equal(torch.random.get_rng_state(), drawn)
    probes = gossim.run(scenario(network={**NETWORK, "message_bytes": 123})).probes
    assert (probes["bytes_sent"] == 123 * probes["messages_sent"]).all()


def test_what_a_scenario_without_a_problem_must_say() -> None:
    with pytest.raises(ScenarioError, match="network.message_bytes: is required where there is no problem"):
        scenario(problem="none", network={"latency_s": 0, "bandwidth_bytes_per_s": None})
    with pytest.raises(ScenarioError, match=r"until.epochs = 1.0: no problem has no data|until.epochs = 1: "):
        scenario(problem="none", network=NETWORK, until={"epochs": 1})
    with pytest.raises(ScenarioError, match="target.test_loss = 1.0: no problem has none"):
        scenario(problem="none", network=NETWORK, target={"test_loss": 1.0})
    with pytest.raises(ScenarioError, match="optimizer: is required where there is a problem"):
        scenario(optimizer=None)
    with pytest.raises(ScenarioError, match="problem = nothing: must be a mapping"):
        scenario(problem="nothing")


def test_many_workers_are_practical() -> None:
    """Five thousand workers for a third of a second: the memory of one is bounded, and nothing is quadratic."""
    arm = scenario(
        workers=5_000, until={"time_s": 0.3}, compute={"time_s": 0.1}, probe={"every_s": 10.0}
    ).arms["arm"]  # fmt: skip
    world = world_of(arm, learns=False)
    for _ in world.windows(10**6, 10**9):
        pass
    assert world.gradient_steps == 15_000
    assert sum(worker.alpha for worker in world.workers) + world.alpha_in_flight() == pytest.approx(1)


def test_one_worker_without_problem_or_network() -> None:
    alone = scenario(algorithm={"name": "sgd"}, problem="none", network=None, workers=1)
    assert gossim.run(alone).probes["gradient_steps"].iloc[-1] == 40


def test_the_size_of_messages_is_no_matter_of_arithmetic() -> None:
    """Nor is the memory that a window may take."""
    losses = []
    for size in (1, None, 10**9):
        network = {"latency_s": 0.01, "bandwidth_bytes_per_s": None, "message_bytes": size}
        problem = PROBLEMS["mlp"]
        losses.append(
            gossim.run(scenario(network=network, problem=problem, dtype="float32", workers=9)).probes["train_loss"]
        )
    assert losses[0].equals(losses[1])
    assert losses[1].equals(losses[2])
