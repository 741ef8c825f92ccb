"""Losses and metrics, gossim's own and the user's, from problem to column, target, summary and sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score, roc_auc_score
from torch.nn.functional import cross_entropy, huber_loss

import gossim
from gossim.analysis.summary import time_to_target
from gossim.errors import InputError, ScenarioError
from gossim.files import trust
from gossim.problems.build import build, check_gradients
from gossim.problems.data import loaded
from gossim.runner.input_hashes import inputs
from support.drawing import figure_of
from support.present import present
from support.scenarios import CPU, scenario

HERE = __name__


def huber(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return huber_loss(outputs, targets, reduction="none", delta=20.0).mean(dim=1)


def label_smoothed(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(outputs, targets, reduction="none", label_smoothing=0.1)


def the_mean(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(outputs, targets)


def of_the_batch(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(outputs - outputs.mean(dim=0), targets, reduction="none")


def breaks(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    raise ValueError("no such thing")


def auc(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Of class 3 against the others: the samples must all be there at once."""
    return float(roc_auc_score((targets == 3).numpy(), outputs.softmax(dim=1)[:, 3].numpy()))


def count(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.tensor(len(outputs))


def undefined(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return float("nan")


def a_vector(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return outputs[0]


def accuracy(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return 1.0


CALLS = [0]


def overwrites(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The cross-entropy, and another scribbles over what it was given."""
    losses = cross_entropy(outputs, targets, reduction="none")
    if not outputs.requires_grad:
        outputs.zero_()
        targets.zero_()
    return losses


def counting(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    CALLS[0] += 1
    return cross_entropy(outputs, targets, reduction="none")


def noisy_when_evaluated(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    noise = 0.0 if outputs.requires_grad else 1e-4 * torch.rand(len(outputs), dtype=outputs.dtype)
    return cross_entropy(outputs, targets, reduction="none") + noise


class RunningAccuracy:
    """Over all calls, as metrics are that are made for one pass."""

    def __init__(self) -> None:
        self.right = self.seen = 0

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> float:
        self.right, self.seen = self.right + int((outputs.argmax(1) == targets).sum()), self.seen + len(targets)
        return self.right / self.seen


running_accuracy = RunningAccuracy()


def bootstrap(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    drawn = torch.randint(len(targets), (len(targets),))
    return float((outputs[drawn].argmax(1) == targets[drawn]).double().mean())


def seeded_bootstrap(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    torch.manual_seed(1)
    return bootstrap(outputs, targets)


def unseeded(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    return float(np.random.default_rng().random())


def enormous(outputs: torch.Tensor, targets: torch.Tensor) -> int:
    return 10**400


DIGITS = {"model": {"name": "mlp", "hidden": [6]}, "data": {"name": "digits"}, "batch_size": 5}
DIABETES = {"model": {"name": "linear"}, "data": {"name": "diabetes", "standardize": True}, "batch_size": 5}


def problem_of(own: dict[str, Any]) -> Any:
    return build(present(scenario(problem=own, dtype="float64").arms["arm"].problem), 3, 0, "float64", CPU)


def outputs_of(problem: Any, x: torch.Tensor) -> np.ndarray:
    return torch.cat(list(problem.outputs(x, (), problem.samples.test_x, 1000))).numpy()


def test_metrics_are_those_of_scikit_learn() -> None:
    problem = problem_of({**DIGITS, "metrics": ["accuracy", "perplexity", f"{HERE}:auc"]})
    x = problem.initial() * 3
    found, outputs, labels = problem.losses(x), outputs_of(problem, x), problem.samples.test_y.numpy()
    assert found.test_accuracy == pytest.approx(accuracy_score(labels, outputs.argmax(axis=1)))
    assert found.others["test_perplexity"] == pytest.approx(np.exp(found.test_loss))
    assert found.others["test_auc"] == pytest.approx(auc(torch.tensor(outputs), torch.tensor(labels)))
    problem = problem_of({**DIABETES, "metrics": ["rmse", "r2"]})
    x = torch.randn(problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 30
    found, outputs, y = problem.losses(x), outputs_of(problem, x), problem.samples.test_y.numpy()
    assert found.others["test_rmse"] == pytest.approx(np.sqrt(mean_squared_error(y, outputs)))
    assert found.others["test_r2"] == pytest.approx(r2_score(y, outputs))


def test_r2_of_several_targets(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(40, 5)), random.normal(size=(40, 3)) * [1, 10, 0.1]
    np.savez(tmp_path / "a.npz", train_x=x[:20], train_y=y[:20], test_x=x[20:], test_y=y[20:])
    data = {"name": "npz", "file": str(tmp_path / "a.npz"), "task": "regression"}
    problem = problem_of({"model": {"name": "linear"}, "data": data, "batch_size": 5, "metrics": ["r2"]})
    initial = problem.initial()
    assert problem.losses(initial).others["test_r2"] == pytest.approx(r2_score(y[20:], outputs_of(problem, initial)))


@pytest.mark.parametrize(
    ("own", "loss"),
    [
        (DIABETES, "huber"),
        (DIGITS, "label_smoothed"),
        ({**DIGITS, "model": {"name": "mlp", "hidden": [6], "dropout": 0.2}}, "label_smoothed"),
    ],
)
def test_a_loss_of_ones_own_is_that_of_torchs_own_loop(own: dict[str, Any], loss: str) -> None:
    problem = problem_of({**own, "loss": f"{HERE}:{loss}"})
    check_gradients(problem)
    assert problem.dense is None
    workers, steps = [0, 2], [3, 1]
    x = problem.initial() + torch.randn(2, problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = problem.gradients(x, workers, steps)
    samples, targets, keys = problem.batch(workers, steps)
    for place in range(2):
        network, mask = problem.fresh()
        torch.nn.utils.vector_to_parameters(x[place], network.parameters())
        if mask is not None:
            mask.begin(keys[place])
        globals()[loss](network(samples[place]), targets[place]).mean().backward()
        expected = torch.cat([p.grad.flatten() for p in network.parameters()])
        assert torch.allclose(together[place], expected, rtol=1e-10, atol=1e-13)
    data = loaded(present(present(scenario(problem=own).arms["arm"].problem).data))
    y = torch.tensor(data.test_y)
    outputs = torch.tensor(outputs_of(problem, x[0]))
    assert problem.losses(x[0]).test_loss == pytest.approx(globals()[loss](outputs, y).mean().item())


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("the_mean", r"gives torch.float64 of shape \(\) for 2 samples, not a loss for each, of shape \(2,\)"),
        ("of_the_batch", "the loss of a sample depends on the other samples of its minibatch"),
        ("breaks", "cannot be computed: ValueError: no such thing"),
        ("HERE", "is a str, not a function"),
        ("nothing", "cannot be imported"),
    ],
)
def test_losses_that_are_none_are_refused(loss: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        problem_of({**DIGITS, "loss": f"{HERE}:{loss}"})


@pytest.mark.parametrize(
    ("metric", "said"),
    [("breaks", "cannot be computed: ValueError"), ("a_vector", r"returned a Tensor of shape \(10,\), not a number")],
)
def test_metrics_that_are_none_are_refused_before_anything_is_written(metric: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        gossim.run(scenario(problem={**DIGITS, "metrics": [f"{HERE}:{metric}"]}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_may_write_into_what_it_evaluates() -> None:
    """Metrics, and every later evaluation, see outputs and targets as they are."""
    plain, writing = problem_of(DIGITS), problem_of({**DIGITS, "loss": f"{HERE}:overwrites"})
    x = plain.initial()
    check_gradients(writing)
    for _ in range(2):
        assert writing.losses(x) == plain.losses(x)


@pytest.mark.parametrize(
    ("key", "name", "said"),
    [
        ("loss", "counting", r"problem.loss = .*: changes the global 'CALLS'\[0\]"),
        ("loss", "noisy_when_evaluated", "problem.loss = .*: draws from torch's global generator"),
        ("metrics", "running_accuracy", "problem.metrics = .*running_accuracy': changes right"),
        ("metrics", "bootstrap", "draws from torch's global generator, or seeds it"),
        ("metrics", "seeded_bootstrap", "draws from torch's global generator, or seeds it"),
        ("metrics", "unseeded", "gives another result when it is called again"),
        ("metrics", "enormous", "returned a whole number that is too large"),
    ],
)
def test_what_depends_on_earlier_calls_is_refused(key: str, name: str, said: str) -> None:
    """Else a probe more would change the numbers of the others."""
    state, numpys = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    own = f"{HERE}:{name}"
    with pytest.raises(InputError, match=said):
        check_gradients(problem_of({**DIGITS, key: own if key == "loss" else [own]}))
    if name != "enormous":
        assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpys[1])  # type: ignore[index] # noqa: NPY002


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"metrics": ["accurracy"]}, r"metrics.0 = accurracy: unknown metric; did you mean 'accuracy'"),
        ({"metrics": ["rmse"]}, r"metrics.0 = rmse: is no metric of a classification: accuracy, perplexity"),
        ({"metrics": ["accuracy", "accuracy"]}, "there is another test_accuracy before it"),
        ({"metrics": [f"{HERE}:accuracy"]}, "its column would be test_accuracy, which is another measure's"),
        ({"metrics": [{"name": "accuracy", "better": "lower"}]}, "is known of 'accuracy'; leave it out"),
        ({"loss": "hinge"}, "must be cross_entropy, mse or package.module:function"),
    ],
)
def test_names_that_are_none_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        scenario(problem={**DIGITS, **more})


def test_columns_target_summary_and_sentences_follow_the_metric(tmp_path: Path) -> None:
    own = {**DIGITS, "metrics": ["perplexity", {"name": f"{HERE}:auc", "better": "higher"}]}
    arms = {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        "alone": {"algorithm": {"name": "sgd"}, "workers": 1},
    }
    run = scenario(
        problem=own,
        arms=arms,
        target={"test_auc": 0.6},
        until={"gradient_steps": 250},
        optimizer={"learning_rate": 0.5},
    )
    results = gossim.run(run, out=tmp_path / "run")
    probes = results.probes
    assert list(probes.columns[-2:]) == ["test_perplexity", "test_auc"]
    assert probes.test_accuracy.isna().all()
    assert probes.test_perplexity.to_numpy() == pytest.approx(np.exp(probes.test_loss.to_numpy()))
    for arm, own_probes in probes.groupby("arm"):
        reached = own_probes.loc[own_probes.test_auc >= 0.6, "time_s"]
        assert len(reached)
        assert results.summary().loc[arm, "time_to_target_s"] == reached.min()
        assert results.summary().loc[arm, "test_auc"] == own_probes.test_auc.iloc[-1]
    assert "test auc 0.6" in results.sentences()[0]
    figure = figure_of(results, "metrics")
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == [
        "test perplexity of the mean model\n(lower is better)",
        "test auc of the mean model\n(higher is better)",
    ]
    figure.savefig(tmp_path / "metrics.png")
    assert {"test_perplexity", "test_auc"} <= set(results.compare().measure)
    opened = gossim.Results.open(tmp_path / "run")
    assert opened.probes.equals(probes)
    assert opened.scenario == run


def test_the_direction_is_that_of_the_metric() -> None:
    own = scenario(problem={**DIGITS, "metrics": ["perplexity"]}, target={"test_perplexity": 3})
    results = gossim.run(own)
    probes = results.probes.assign(time_s=[float(n) for n in range(len(results.probes))])
    probes["test_perplexity"] = np.linspace(10, 1, len(probes))
    assert own.target is not None
    assert time_to_target(probes, own.target, False) == probes.loc[probes.test_perplexity <= 3, "time_s"].min() > 0
    assert time_to_target(probes, own.target, True) == 0


def test_a_target_whose_direction_nobody_says_is_refused() -> None:
    with pytest.raises(ScenarioError, match="test_auc = 0.7: which way is better"):
        scenario(problem={**DIGITS, "metrics": [f"{HERE}:auc"]}, target={"test_auc": 0.7})
    with pytest.raises(ScenarioError, match=r"test_ac = 0.7: .* has none; did you mean 'test_auc'"):
        scenario(problem={**DIGITS, "metrics": [f"{HERE}:auc"]}, target={"test_ac": 0.7})
    with pytest.raises(ScenarioError, match="target.tst_loss = 1.*: unknown key; did you mean 'test_loss'"):
        scenario(problem=DIGITS, target={"tst_loss": 1})
    with pytest.raises(ScenarioError, match="exactly one of train_loss, test_loss"):
        scenario(problem=DIGITS, target={"test_loss": 1, "test_accuracy": 0.5})


def test_an_undefined_metric_is_an_empty_cell() -> None:
    results = gossim.run(scenario(problem={**DIGITS, "metrics": [f"{HERE}:undefined", f"{HERE}:count"]}))
    assert results.manifest["runs"][0]["status"] == "complete"
    assert results.probes.test_undefined.isna().all()
    assert (results.probes.test_count == 360).all()


def test_arms_that_mean_different_things_by_one_column_are_refused() -> None:
    one, other = ({**DIGITS, "metrics": [{"name": f"{HERE}:auc", "better": way}]} for way in ("lower", "higher"))
    algorithm = {"name": "gosgd_push", "push_probability": 0.5}
    with pytest.raises(ScenarioError, match="arms.b.problem.metrics.0 = .*test_auc has another unit"):
        scenario(problem=one, arms={"a": {"algorithm": algorithm}, "b": {"algorithm": algorithm, "problem": other}})


def test_the_clock_alone_has_the_columns_and_they_are_empty(tmp_path: Path) -> None:
    own = scenario(problem={**DIGITS, "metrics": ["perplexity"]})
    results = gossim.run(own, gradients=False, out=tmp_path / "run")
    assert results.probes.test_perplexity.isna().all()
    assert gossim.Results.open(tmp_path / "run").probes.equals(results.probes)


def test_what_is_the_users_is_named_and_not_imported_unasked(tmp_path: Path) -> None:
    own = scenario(problem={**DIGITS, "loss": f"{HERE}:label_smoothed", "metrics": [f"{HERE}:auc"]})
    assert own.own_code() == [f"{HERE}:auc", f"{HERE}:label_smoothed"]
    assert any(name.endswith("test_metrics.py") for name in inputs(own))
    with trust.trusting(trust.Trust(imports=False)):
        with pytest.raises(InputError, match="problem.loss = .*: has to be imported"):
            problem_of({**DIGITS, "loss": f"{HERE}:label_smoothed"})
        with pytest.raises(InputError, match="problem.metrics = .*: has to be imported"):
            problem_of({**DIGITS, "metrics": [f"{HERE}:auc"]})
