"""Real targets: the squared error, its gradients in torch's own loop, and what there is to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import mse_loss

import gossim
from gossim.errors import InputError, ScenarioError
from gossim.problems import DATA
from gossim.problems.build import build, check_gradients
from gossim.problems.data import loaded
from support.present import present
from support.scenarios import CPU, scenario

RANDOM = np.random.default_rng(5)
X, Y = RANDOM.normal(size=(50, 2, 6, 6)), RANDOM.normal(size=(50, 3))


def convolutional(input_shape: tuple[int, ...], classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(input_shape[0], 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, classes))


@pytest.fixture
def arrays(tmp_path: Path) -> dict[str, Any]:
    np.savez(tmp_path / "a.npz", train_x=X[:40], train_y=Y[:40], test_x=X[40:], test_y=Y[40:])
    return {"name": "npz", "file": str(tmp_path / "a.npz"), "task": "regression"}


def problem_of(model: dict[str, Any], data: dict[str, Any]) -> Any:
    own = scenario(problem={"model": model, "data": data, "batch_size": 4}, dtype="float64").arms["arm"].problem
    return build(present(own), 3, 0, "float64", CPU)


MODELS = [
    {"name": "linear"},
    {"name": "mlp", "hidden": [5]},
    {"name": "mlp", "hidden": [5], "dropout": 0.3},
    {"name": f"{__name__}:convolutional"},
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_gradients_are_those_of_torchs_own_loop(model: dict[str, Any], arrays: dict[str, Any]) -> None:
    problem = problem_of(model, arrays)
    check_gradients(problem)
    workers, steps = [0, 1, 2], [4, 0, 9]
    x = problem.initial() + 0.1 * torch.randn(
        3, problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    together = problem.gradients(x, workers, steps)
    chosen, _ = problem.minibatches.indices(workers, steps)
    inputs, targets, keys = problem.batch(workers, steps)
    for place, (worker, step) in enumerate(zip(workers, steps, strict=True)):
        assert np.array_equal(inputs[place].numpy(), X[:40][chosen[place]])
        assert np.array_equal(targets[place].numpy(), Y[:40][chosen[place]])
        network, mask = problem.fresh()
        nn.utils.vector_to_parameters(x[place], network.parameters())
        if mask is not None:
            mask.begin(keys[place])
        mse_loss(network(inputs[place]), targets[place]).backward()
        expected = torch.cat([p.grad.flatten() for p in network.parameters()])
        assert torch.allclose(together[place], expected, rtol=1e-10, atol=1e-13)
        assert torch.allclose(problem.gradient(x[place], worker, step), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_losses_are_mean_squared_errors(model: dict[str, Any], arrays: dict[str, Any]) -> None:
    problem = problem_of(model, arrays)
    network, _ = problem.fresh()
    network.eval()
    train, test = (
        mse_loss(network(torch.tensor(x)), torch.tensor(y)).item() for x, y in ((X[:40], Y[:40]), (X[40:], Y[40:]))
    )
    assert problem.losses(problem.initial()) == (
        pytest.approx(train),
        pytest.approx(test),
        None,
        {"test_rmse": pytest.approx(test**0.5)},
    )


def test_one_worker_finds_the_least_squares() -> None:
    """Full passes of gradient descent over the diabetes set end where the normal equations do."""
    x, y = load_diabetes(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.2, random_state=0)
    solved = LinearRegression().fit(train_x, train_y)
    problem = problem_of({"name": "linear"}, {"name": "diabetes"})
    best = torch.tensor([*solved.coef_, solved.intercept_])
    losses = problem.losses(best)
    assert losses.train_loss == pytest.approx(np.mean((solved.predict(train_x) - train_y) ** 2))
    assert losses.test_loss == pytest.approx(np.mean((solved.predict(test_x) - test_y) ** 2))


@pytest.mark.parametrize(("name", "samples", "columns"), [("diabetes", (353, 89), 10), ("autompg", (313, 79), 7)])
def test_tables_of_other_packages_have_the_sizes_stated(name: str, samples: tuple[int, int], columns: int) -> None:
    spec = DATA[name].model_validate({"name": name, "standardize": True})
    data = loaded(spec)
    assert (len(data.train_x), len(data.test_x)) == samples
    assert spec.train_samples == samples[0]
    assert spec.shape == data.shape == (columns,)
    assert (data.outputs, data.classes) == (1, 0)
    assert data.train_x.mean(axis=0) == pytest.approx(np.zeros(columns), abs=1e-9)
    assert data.train_x.std(axis=0) == pytest.approx(np.ones(columns))


def test_a_run_has_no_accuracy(tmp_path: Path) -> None:
    own = {"model": {"name": "linear"}, "data": {"name": "autompg", "standardize": True}, "batch_size": 8}
    results = gossim.run(scenario(problem=own), out=tmp_path / "run")
    probes = results.probes
    assert probes.test_accuracy.isna().all()
    assert probes.train_loss.iloc[-1] < probes.train_loss.iloc[0]
    assert gossim.Results.open(tmp_path / "run").probes.equals(probes)


def test_whole_numbers_may_be_targets(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_x=X, train_y=np.arange(50) - 7)
    data = loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / "a.npz"), "task": "regression"}))
    assert (data.task, data.outputs) == ("regression", 1)
    assert sorted([*data.train_y[:, 0], *data.test_y[:, 0]]) == list(range(-7, 43))
    with pytest.raises(InputError, match="train_y has the label -7"):
        loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / "a.npz")}))


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        ({"name": "diabetes"}, {"loss": "cross_entropy"}, "a regression is learned by mse"),
        ({"name": "digits"}, {"loss": "mse"}, "a classification is learned by cross_entropy"),
        ({"name": "diabetes", "partition": {"name": "dirichlet", "alpha": 1.0}}, {}, "a regression has none; use iid"),
    ],
)
def test_what_does_not_fit_is_refused(data: dict[str, Any], more: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        scenario(problem={"model": {"name": "linear"}, "data": data, "batch_size": 4, **more})


def test_a_target_of_accuracy_is_refused() -> None:
    own = {"model": {"name": "linear"}, "data": {"name": "diabetes"}, "batch_size": 4}
    with pytest.raises(ScenarioError, match="test_accuracy = 0.9: problem.data = diabetes with these metrics has none"):
        scenario(problem=own, target={"test_accuracy": 0.9})
