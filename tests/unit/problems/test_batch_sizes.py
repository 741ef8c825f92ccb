"""A batch size for each worker: its gradients are those of a run in which all have that size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gossim
from gossim.errors import ScenarioError
from gossim.problems.build import build, check_gradients
from support.present import present
from support.scenarios import CPU, only_arm, scenario

MODELS: list[dict[str, Any]] = [
    {"name": "logistic"},
    {"name": "mlp", "hidden": [5], "dropout": 0.3},
    {"name": "support.networks:small_cnn"},
]
SIZES = [3, 8, 3, 1]


def problem_of(model: dict[str, Any], batch_size: Any, sampling: str = "with_replacement") -> Any:
    own = {"model": model, "data": {"name": "digits"}, "batch_size": batch_size, "sampling": sampling}
    return build(present(scenario(problem=own).arms["arm"].problem), 4, 0, "float64", CPU)


@pytest.mark.parametrize("sampling", ["with_replacement", "shuffled"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_gradients_are_those_of_workers_with_that_size(model: dict[str, Any], sampling: str) -> None:
    problem = problem_of(model, SIZES, sampling)
    check_gradients(problem)
    workers, steps = [1, 0, 3, 2, 1], [0, 4, 2, 70, 5]
    drawn = torch.randn(5, problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = problem.initial() + 0.1 * drawn
    together = problem.gradients(x, workers, steps)
    moved = x.clone()
    problem.descend(moved, workers, steps, 0.9, 0.5)
    torch.testing.assert_close(moved, 0.9 * x - 0.5 * together, rtol=1e-10, atol=1e-13)
    for place, (worker, step) in enumerate(zip(workers, steps, strict=True)):
        alike = problem_of(model, SIZES[worker], sampling)
        torch.testing.assert_close(together[place], alike.gradient(x[place], worker, step), rtol=1e-9, atol=1e-12)


def test_both_executors_agree() -> None:
    own = {"model": {"name": "logistic"}, "data": {"name": "digits"}, "batch_size": SIZES}
    runs = [gossim.run(scenario(problem=own), executor=executor) for executor in ("reference", "batched")]
    np.testing.assert_allclose(runs[0].probes.test_loss, runs[1].probes.test_loss, rtol=1e-9)


def test_a_list_of_one_size_is_that_size() -> None:
    own = {"model": {"name": "logistic"}, "data": {"name": "digits"}}
    alike, listed = (gossim.run(scenario(problem={**own, "batch_size": size})) for size in (4, [4, 4, 4, 4]))
    assert alike.probes.equals(listed.probes)


def test_noise_of_a_quadratic_is_each_workers() -> None:
    model = {"name": "quadratic", "dim": 20_000, "gradient_noise": 2.0}
    problem: Any = build(present(only_arm(problem={"model": model, "batch_size": SIZES}).problem), 4, 0, "float64", CPU)
    slopes = problem.gradients(problem.optimum.repeat(4, 1), [0, 1, 2, 3], [0, 0, 0, 0])
    for slope, size in zip(slopes, SIZES, strict=True):
        assert float(slope.std()) == pytest.approx(2 / size**0.5, rel=0.03)  # 6 standard errors of 1/sqrt(2n)


def test_a_trace_takes_as_long_as_each_workers_samples(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("ms_per_sample,upload_bits_per_s,download_bits_per_s\n" + "10,1e6,1e6\n" * 4)
    own = {"model": {"name": "logistic"}, "data": {"name": "digits"}, "batch_size": SIZES}
    arm = only_arm(problem=own, trace={"file": str(tmp_path / "trace.csv")}, compute={"time_s": "trace"})
    assert [arm.gradient_s(0, worker)(0.0) for worker in range(4)] == pytest.approx([0.03, 0.08, 0.03, 0.01])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"problem": [3, 4]}, r"problem.batch_size = \[3, 4\]: must have one for each of 4 workers, and has 2"),
        ({"problem": [3, 4, 0, 1]}, r"problem.batch_size.2 = 0: must be a whole number >= 1"),
        ({"problem": SIZES, "until": {"epochs": 2}}, "until.epochs = 2.*passes over the data are not counted"),
    ],
)
def test_lists_that_do_not_fit_are_refused(more: dict[str, Any], said: str) -> None:
    own = {"model": {"name": "logistic"}, "data": {"name": "digits"}, "batch_size": more.pop("problem")}
    with pytest.raises(ScenarioError, match=said):
        scenario(problem=own, **more)
