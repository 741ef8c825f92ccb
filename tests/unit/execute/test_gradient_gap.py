"""What a probe measures besides: the gradient gap, and the consensus distance layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import gossim
from gossim.errors import ScenarioError
from gossim.execute.recorder import Recorder
from gossim.problems.build import build
from gossim.results import Results
from gossim.runner.experiment import Experiment
from gossim.scenario.scenario import Scenario
from gossim.settings import ProbeSettings
from gossim.tables.probe_rows import Observations
from gossim.tables.run_directory import RunDirectory
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS
from support.drawing import figure_of, only
from support.present import present
from support.problems import PROBLEMS
from support.scenarios import BASE, CPU, DIGITS, only_arm, scenario

BOTH = {"every_s": 0.25, "gradient_gap": True, "layers": True}
GAP = {"every_s": 0.25, "gradient_gap": True}
MLP = {"model": {"name": "mlp", "hidden": [9, 7], "dropout": 0.2}, "data": DIGITS, "batch_size": 5}


def norms(x: torch.Tensor) -> np.ndarray:
    return torch.linalg.vector_norm(x, dim=1).numpy()


def test_on_the_quadratic_it_is_the_curvature_times_the_distance() -> None:
    """‖H(x_m − x̄)‖: the noise is that of one minibatch, and so is in both gradients."""
    arm = only_arm(probe=GAP, problem={"model": {"name": "quadratic", "dim": 6, "gradient_noise": 0.7}})
    gaps = gossim.run(scenario(probe=GAP, problem=present(arm.problem).model_dump(mode="json"))).gaps
    problem: Any = build(present(arm.problem), arm.workers, 0, "float64", CPU)
    _, facts, rows = trajectory(arm)
    expected = np.concatenate([norms((x - x.mean(dim=0)) * problem.curvatures) for x in rows])
    np.testing.assert_allclose(gaps["gradient_gap"], expected, rtol=1e-9, atol=1e-12)
    assert gaps["gradient_gap"].iloc[-1] > 0.01
    np.testing.assert_allclose(gaps["ratio"], gaps["gradient_gap"] / gaps["gradient_norm"])
    assert list(gaps["time_s"]) == [probe.time_s for probe in facts for _ in range(4)]
    assert list(gaps["worker"]) == [0, 1, 2, 3] * len(facts)


@pytest.mark.parametrize("problem", [PROBLEMS["logistic"], MLP])
def test_the_gap_is_taken_on_the_minibatch_that_the_worker_draws_next(problem: dict[str, Any]) -> None:
    arm = only_arm(probe=GAP, problem=problem)
    gaps = gossim.run(scenario(probe=GAP, problem=problem)).gaps
    built = build(present(arm.problem), arm.workers, 0, "float64", CPU)
    world, facts, rows = trajectory(arm)
    assert [worker.gradients for worker in facts[-1].workers] == [worker.gradients for worker in world.workers]
    for number, (probe, x) in enumerate(zip(facts, rows, strict=True)):
        own = gaps.iloc[4 * number : 4 * number + 4]
        mean = x.mean(dim=0)
        for m, worker in enumerate(probe.workers):
            assert worker.gradients - worker.steps in (0, 1)
            here, there = built.gradient(x[m], m, worker.gradients), built.gradient(mean, m, worker.gradients)
            assert own["gradient_gap"].iloc[m] == pytest.approx(float((here - there).norm()), abs=1e-10)
            assert own["gradient_norm"].iloc[m] == pytest.approx(float(there.norm()), rel=1e-9)


@pytest.mark.parametrize("name", ["gosgd_push", "gosgd_pull", "allreduce", "easgd", "gradient_tracking", "choco"])
def test_measuring_the_gradient_gap_changes_no_other_number(name: str, tmp_path: Path) -> None:
    """To the byte, in single precision."""
    data = {**BASE, "problem": MLP, "dtype": "float32", "arms": {"arm": {"algorithm": ALGORITHMS[name]}}}
    runs = {}
    for asked, probe in (("without", {"every_s": 0.25}), ("with", BOTH)):
        runs[asked] = Experiment(Scenario.parse({**data, "probe": probe})).run(RunDirectory(tmp_path / asked))
    for kept in ("probes", "workers", "timeline"):
        paths = [tmp_path / asked / f"{kept}.parquet" for asked in runs]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    assert runs["without"].gaps.empty
    assert runs["without"].layers.empty
    assert not runs["with"].gaps.empty
    for asked, results in runs.items():
        again = Results.open(tmp_path / asked)
        pd.testing.assert_frame_equal(again.gaps, results.gaps)
        pd.testing.assert_frame_equal(again.layers, results.layers)


def test_workers_that_agree_have_no_gap_to_the_bit() -> None:
    results = gossim.run(scenario(algorithm=ALGORITHMS["allreduce"], probe=GAP, problem=MLP, dtype="float32"))
    assert (results.gaps["gradient_gap"] == 0).all()
    assert (results.gaps["gradient_norm"] > 0).all()
    with only("gradient_gap"):
        assert results.plot() == {}


def test_workers_that_are_down_have_none() -> None:
    faults = [{"name": "crash", "workers": [2], "at_s": 0.3, "back_after_s": 0.5, "parameters": "kept"}]
    results = gossim.run(scenario(probe=BOTH, faults=faults, until={"time_s": 1.5}))
    there = results.workers[results.workers["distance"].notna()]
    keys = ["time_s", "worker"]
    assert list(results.gaps[keys].itertuples(index=False)) == list(there[keys].itertuples(index=False))
    assert len(there) < len(results.workers)
    # One vector, one layer: the consensus distance itself.
    np.testing.assert_allclose(results.layers["consensus_distance"], results.probes["consensus_distance"])


def test_without_a_gradient_there_is_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = build(present(only_arm().problem), 2, 0, "float64", CPU)
    monkeypatch.setattr(problem, "gradients", lambda x, workers, steps: x.clone())
    observed = Observations("arm", 0)
    arm = only_arm(workers=2, until={"gradient_steps": 1})
    _, facts, _ = trajectory(arm)
    rows = torch.stack([torch.ones(5), -torch.ones(5)]).double()
    Recorder(problem, observed, ProbeSettings(every_s=1.0, gradient_gap=True)).measure(rows, facts[0])
    gaps = list(observed.rows("gaps"))
    assert [row["gradient_gap"] for row in gaps] == pytest.approx([5**0.5] * 2)
    assert [row["ratio"] for row in gaps] == [None, None]


def test_layers_are_the_models_parameters() -> None:
    arm = only_arm(probe=BOTH, problem=MLP)
    results = gossim.run(scenario(probe=BOTH, problem=MLP))
    problem: Any = build(present(arm.problem), arm.workers, 0, "float64", CPU)
    network = problem.network
    names = [name for name, _ in network.named_parameters()]
    assert list(results.layers["layer"][: len(names)]) == names
    _, facts, rows = trajectory(arm)
    at = 0
    offsets = rows[-1] - rows[-1].mean(dim=0)
    last = results.layers[results.layers["time_s"] == facts[-1].time_s]
    for name, parameter in network.named_parameters():
        part = offsets[:, at : at + parameter.numel()]
        at += parameter.numel()
        found = last.loc[last["layer"] == name, "consensus_distance"].item()
        assert found == pytest.approx(norms(part).mean(), rel=1e-9)


def test_the_figure_has_a_line_for_each_arm() -> None:
    arms = {name: {"algorithm": ALGORITHMS[name]} for name in ("gosgd_push", "local_sgd", "allreduce")}
    results = gossim.run(Scenario.parse({**BASE, "probe": GAP, "repeats": 2, "arms": arms}))
    axes = figure_of(results, "gradient_gap").axes[0]
    labels = [text.get_text() for text in present(axes.get_legend()).get_texts()]
    assert labels == ["gosgd_push", "local_sgd", "allreduce: exactly 0 throughout"]
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel().endswith("of 2 seeds")


def test_without_a_problem_it_is_refused() -> None:
    network = {"latency_s": 0.1, "bandwidth_bytes_per_s": None, "message_bytes": 10}
    for key in ("gradient_gap", "layers"):
        with pytest.raises(ScenarioError, match=f"probe.{key} = true: there is no problem"):
            scenario(problem="none", network=network, probe={"every_s": 1.0, key: True})


def test_the_clock_alone_measures_neither_and_older_runs_are_read(tmp_path: Path) -> None:
    results = gossim.run(scenario(probe=BOTH), out=tmp_path / "run", gradients=False)
    assert results.gaps.empty
    assert results.layers.empty
    for name in ("gaps", "layers"):
        (tmp_path / "run" / f"{name}.parquet").unlink()
    assert Results.open(tmp_path / "run").gaps.empty
