"""Who draws which samples, and on which ones probes measure: shuffled epochs, natural splits, parts of a set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

import gossim
from gossim.errors import InputError, ScenarioError
from gossim.problems.build import build
from gossim.problems.data import DataSpec, loaded
from gossim.problems.data import assigned as assigned_of
from gossim.problems.minibatches import Shuffled
from gossim.problems.partition import ByColumn, GivenIndices
from support.present import present
from support.scenarios import CPU, scenario

DIGITS = {"model": {"name": "logistic"}, "data": {"name": "digits"}, "batch_size": 5}


def problem_of(own: dict[str, Any], workers: int = 3) -> Any:
    return build(present(scenario(problem=own, workers=workers).arms["arm"].problem), workers, 0, "float64", CPU)


def data_of(own: dict[str, Any], workers: int = 3) -> DataSpec:
    return present(present(scenario(problem=own, workers=workers).arms["arm"].problem).data)


@pytest.mark.parametrize(("sizes", "batch"), [((7, 10), 3), ((4, 2), 5), ((6, 12), 6)])
def test_every_sample_once_an_epoch(sizes: tuple[int, int], batch: int) -> None:
    assigned = [np.arange(size) + 100 * worker for worker, size in enumerate(sizes)]
    minibatches = Shuffled(assigned, 1, batch, seed=3)
    for worker, own in enumerate(assigned):
        steps = np.arange(4 * len(own))
        drawn, views = minibatches.indices(np.full(len(steps), worker), steps)
        assert not views.any()
        epochs = drawn.ravel()[: 4 * len(own) * batch].reshape(-1, len(own))
        assert all(sorted(epoch) == own.tolist() for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_minibatch_follows_from_worker_and_step_in_any_order() -> None:
    assigned = [np.arange(20)] * 3
    minibatches, again = Shuffled(assigned, 1, 6, seed=0), Shuffled(assigned, 1, 6, seed=0)
    workers, steps = np.array([0, 2, 1, 0, 0]), np.array([9, 0, 5, 2, 40])
    together, _ = minibatches.indices(workers, steps)
    for place in (3, 0, 4, 2, 1):
        alone, _ = again.indices(workers[place : place + 1], steps[place : place + 1])
        assert np.array_equal(alone[0], together[place])
    assert not np.array_equal(minibatches.indices([0], [0])[0], minibatches.indices([1], [0])[0])
    assert not np.array_equal(Shuffled(assigned, 1, 6, seed=1).indices([0], [0])[0], minibatches.indices([0], [0])[0])


def test_views_are_drawn_with_the_samples() -> None:
    minibatches = Shuffled([np.arange(200)], 8, 200, seed=0)
    first, second = (minibatches.indices([0], [step]) for step in (0, 1))
    assert sorted(first[0][0]) == list(range(200))
    assert set(first[1][0]) == set(range(8))
    assert not np.array_equal(first[1][0][np.argsort(first[0][0])], second[1][0][np.argsort(second[0][0])])


def test_a_run_with_shuffled_samples_is_that_of_its_gradients() -> None:
    own = {**DIGITS, "sampling": "shuffled"}
    results = gossim.run(scenario(problem=own))
    assert results.probes.train_loss.iloc[-1] < results.probes.train_loss.iloc[0]
    assert isinstance(problem_of(own).minibatches, Shuffled)
    assert gossim.run(results.scenario).probes.equals(results.probes)
    assert not gossim.run(scenario(problem=DIGITS)).probes.equals(results.probes)


def test_probes_measure_on_evenly_spaced_samples() -> None:
    whole, part = problem_of(DIGITS), problem_of({**DIGITS, "evaluate": {"train_samples": 37, "test_samples": 1}})
    x = whole.initial()
    losses = whole.losses(x)
    data = loaded(data_of(DIGITS))
    chosen = [round(k * (len(data.train_y) - 1) / 36) for k in range(37)]
    outputs = np.concatenate([part.numpy() for part in whole.outputs(x, (), whole.samples.train_x[chosen], 1000)])
    expected = np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(37), data.train_y[chosen]])
    found = part.losses(x)
    assert found.train_loss == pytest.approx(expected)
    assert found.train_loss != losses.train_loss
    assert found.test_accuracy in (0.0, 1.0)
    assert problem_of({**DIGITS, "evaluate": {"train_samples": len(data.train_y)}}).losses(x) == losses


def test_gradients_do_not_depend_on_what_is_measured() -> None:
    runs = [gossim.run(scenario(problem={**DIGITS, **more})) for more in ({}, {"evaluate": {"train_samples": 10}})]
    assert runs[0].probes.consensus_distance.equals(runs[1].probes.consensus_distance)
    assert runs[0].probes.test_loss.equals(runs[1].probes.test_loss)
    assert not runs[0].probes.train_loss.equals(runs[1].probes.train_loss)


def test_more_samples_than_there_are_cannot_be_measured() -> None:
    with pytest.raises(InputError, match="problem.evaluate.test_samples = 361: that part has 360 samples"):
        problem_of({**DIGITS, "evaluate": {"test_samples": 361}})


USERS = np.array([f"user {number % 7}" for number in range(70)])


def natural(tmp_path: Path) -> dict[str, Any]:
    random = np.random.default_rng(0)
    rows = zip(random.normal(size=70), USERS, np.arange(70) % 3, strict=True)
    (tmp_path / "a.csv").write_text("x,user,kind\n" + "".join(f"{x:.6f},{user},{kind}\n" for x, user, kind in rows))
    split = {"name": "column", "column": "user"}
    return {
        "name": "csv",
        "file": str(tmp_path / "a.csv"),
        "target": "kind",
        "task": "classification",
        "partition": split,
    }


@pytest.mark.parametrize("workers", [7, 3])
def test_samples_of_a_user_stay_together(tmp_path: Path, workers: int) -> None:
    own = {"model": {"name": "logistic"}, "data": natural(tmp_path), "batch_size": 2}
    spec = data_of(own, workers)
    shares = assigned_of(spec, workers, 0)
    kept, _ = train_test_split(np.arange(70), test_size=0.2, random_state=0)
    users = USERS[kept]
    assert sorted(np.concatenate(shares)) == list(range(56))
    held = [set(users[share]) for share in shares]
    assert sum(map(len, held)) == 7
    assert {len(own) for own in held} == ({1} if workers == 7 else {2, 3})
    if workers == 7:
        assert [min(own) for own in held] == sorted(set(users))
    assert loaded(spec).shape == (1,)


def test_samples_are_shared_out_by_a_column_of_an_npz(tmp_path: Path) -> None:
    x, y, user = np.random.default_rng(0).normal(size=(12, 2)), np.arange(12) % 2, np.arange(12) // 4
    arrays: dict[str, Any] = {"train_x": x, "train_y": y, "test_x": x, "test_y": y, "user": user}
    np.savez(tmp_path / "a.npz", **arrays)
    data = {"name": "npz", "file": str(tmp_path / "a.npz"), "partition": {"name": "column", "column": "user"}}
    own = {"model": {"name": "logistic"}, "data": data, "batch_size": 2}
    shares = assigned_of(data_of(own), 3, 0)
    assert [share.tolist() for share in shares] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    results = gossim.run(scenario(problem=own, workers=3))
    assert results.manifest["runs"][0]["status"] == "complete"
    with pytest.raises(InputError, match="has 3 different values on the samples to train on, too few for 4 workers"):
        gossim.run(scenario(problem=own, workers=4))
    np.savez(tmp_path / "a.npz", **{**arrays, "user": user[:5]})
    with pytest.raises(InputError, match=r"'user', by which samples are shared out, is int64 of shape \(5,\)"):
        problem_of(own)
    del arrays["user"]
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match="has no array 'user'"):
        problem_of(own)


def test_a_column_of_a_set_without_columns_is_refused() -> None:
    with pytest.raises(ScenarioError, match="is of csv and npz; problem.data = digits has no columns"):
        scenario(problem={**DIGITS, "data": {"name": "digits", "partition": {"name": "column", "column": "user"}}})


def test_given_indices_go_to_their_workers() -> None:
    partition = GivenIndices.model_validate({"name": "indices", "of_workers": [[5, 1], [0], [1, 2]]})
    labels = np.zeros(6)
    assert [own.tolist() for own in partition.assign(labels, 3, 0)] == [[5, 1], [0], [1, 2]]
    for workers, given, said in (
        (2, [[0]], "has the samples of 1 workers, and there are 2"),
        (1, [[6]], "of_workers.0: has sample 6, and there are 6, from 0"),
        (2, [[0], []], "of_workers.1: is empty"),
        (1, [[2, 2]], "has a sample twice"),
    ):
        with pytest.raises(InputError, match=said):
            GivenIndices.model_validate({"name": "indices", "of_workers": given}).assign(labels, workers, 0)


def test_columns_are_dealt_out_by_the_seed() -> None:
    labels = np.repeat(np.arange(9), 2)
    first, again, other = (ByColumn(column="user").assign(labels, 3, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
