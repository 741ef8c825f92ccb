"""Workers that count by their samples: FedAvg written a second time, in NumPy, and who is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import gossim
from gossim.algorithms import ALGORITHMS
from gossim.errors import ScenarioError
from gossim.problems.data import DATA, loaded
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS as PARAMETERS
from support.scenarios import only_arm, scenario, world_of

M, ETA = 4, 0.5
COUNTING = sorted(name for name, cls in ALGORITHMS.items() if cls.counts_samples)
PARTITION = {"name": "dirichlet", "alpha": 0.3}
UNEQUAL: dict[str, Any] = {
    "workers": M,
    "problem": {
        "model": {"name": "logistic"},
        "data": {"name": "digits", "partition": PARTITION},
        "batch_size": 8,
        "weighting": "samples",
    },
    "optimizer": {"learning_rate": ETA},
    "compute": {"time_s": 0.1},
    "network": {"latency_s": 0.001, "bandwidth_bytes_per_s": None},
    "probe": {"every_s": 1.0},
}


def shares(seed: int = 0) -> np.ndarray:
    data = DATA["digits"].model_validate({"partition": PARTITION})
    counts = np.array([len(own) for own in data.partition.assign(loaded(data).train_y, M, seed)])
    assert counts.max() > 2 * counts.min()
    return counts / counts.sum()


class Taken:
    """The problem of an arm, whose gradients a second implementation may ask for."""

    def __init__(self, arm: Any):
        from gossim.problems.build import build, device_named

        self.problem = build(arm.problem, arm.workers, 0, arm.dtype, device_named("cpu"))

    def __call__(self, x: np.ndarray, worker: int, step: int) -> np.ndarray:
        return self.problem.gradient(torch.from_numpy(x), worker, step).numpy()


def test_federated_averaging_weighs_workers_by_their_samples() -> None:
    """McMahan et al. 2017: w ← Σ_k (n_k/n) w_k after τ local steps. The mean that is measured is weighted alike."""
    period, rounds = 3, 4
    arm = only_arm(
        algorithm={"name": "local_sgd", "period": period}, until={"gradient_steps": M * rounds * period}, **UNEQUAL
    )
    gradient, weights = Taken(arm), shares()
    x = np.tile(gradient.problem.initial().numpy(), (M, 1))
    for k in range(rounds * period):
        if k and k % period == 0:
            x = np.tile(weights @ x, (M, 1))
        x = x - ETA * np.stack([gradient(x[m], m, k) for m in range(M)])
    _, _, rows = trajectory(arm)
    np.testing.assert_allclose(rows[-1].numpy(), x, rtol=1e-9, atol=1e-12)
    recorded = gossim.run(scenario(algorithm={"name": "local_sgd", "period": period}, until=arm.until, **UNEQUAL))
    expected = gradient.problem.losses(torch.from_numpy(weights @ x))
    assert recorded.probes["test_loss"].iloc[-1] == pytest.approx(expected.test_loss, rel=1e-9)
    assert recorded.probes["consensus_max"].iloc[-1] == pytest.approx(np.linalg.norm(x - weights @ x, axis=1).max())


@pytest.mark.parametrize("name", ["allreduce", "sgp", "osgp"])
def test_the_weighted_mean_of_gradients(name: str) -> None:
    """Σ_m (n_m/n) ∇L^m at one x by `allreduce`; Σ α_m x_m moves by as much a round under push-sum."""
    arm = only_arm(algorithm={"name": name}, until={"gradient_steps": M * 6}, topology="complete", **UNEQUAL)
    gradient, weights = Taken(arm), shares()
    if name == "allreduce":
        x = gradient.problem.initial().numpy()
        for k in range(6):
            x = x - ETA * sum(weights[m] * gradient(x, m, k) for m in range(M))
        _, _, rows = trajectory(arm)
        np.testing.assert_allclose(rows[-1].numpy(), np.tile(x, (M, 1)), rtol=1e-9, atol=1e-12)
        return
    from gossim.testing import events

    seen: dict[tuple[int, int], np.ndarray] = {}
    inner, total = gradient.problem.gradient, None

    def watched(x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        found = inner(x, worker, step)
        seen[worker, step] = found.numpy()
        return found

    gradient.problem.gradient = watched  # type: ignore[method-assign]
    start = gradient.problem.initial().numpy()
    for world, held in events(arm, problem=gradient.problem):
        total = sum(float(w.alpha) * held[w.row].numpy() for w in world.workers)
        total = total + sum(float(m.alpha) * held[m.row].numpy() for m in world.network.in_flight)
        moved = sum(weights[w.index] * seen[w.index, k] for w in world.workers for k in range(w.steps))
        np.testing.assert_allclose(total, start - ETA * moved, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", COUNTING)
def test_executors_and_the_weights_of_gradients_agree(name: str) -> None:
    """And of the final mean: Σ_τ Σ_m η a_m^τ ∇L^m(x_m^τ), whose coefficients are those of the program."""
    workers = 1 if name == "sgd" else M
    sections = {**UNEQUAL, "workers": workers, "until": {"gradient_steps": 30}, "topology": "complete"}
    described = scenario(algorithm=PARAMETERS[name], **sections)
    batched, reference = (gossim.run(described, executor=executor) for executor in ("batched", "reference"))
    columns = ["train_loss", "test_loss", "consensus_distance"]
    np.testing.assert_allclose(batched.probes[columns], reference.probes[columns], rtol=1e-9, atol=1e-12)
    alone = gossim.run(described, gradients=False)
    assert alone.workers.drop(columns="distance").equals(batched.workers.drop(columns="distance"))
    stepwise, fast = (world_of(described.arms["arm"], stepwise=flag) for flag in (True, False))
    for world in (stepwise, fast):
        for _ in world.windows(100, 10**9):
            pass
    assert [w.steps for w in stepwise.workers] == [w.steps for w in fast.workers]


def test_allreduce_gives_gradients_the_weights_of_their_samples() -> None:
    results = gossim.run(scenario(algorithm={"name": "allreduce"}, **{**UNEQUAL, "until": {"gradient_steps": 4 * M}}))
    weights = results.weights("arm", 0).gradients
    used = weights[weights["used_s"].notna()]
    np.testing.assert_allclose(used["a"], shares()[used["worker"]], rtol=1e-12)


def test_equal_shares_change_nothing() -> None:
    problem = {**UNEQUAL["problem"], "data": {"name": "digits"}}
    one, other = (
        gossim.run(scenario(algorithm={"name": "sgp"}, **{**UNEQUAL, "problem": {**problem, "weighting": weighting}}))
        for weighting in ("equal", "samples")
    )
    np.testing.assert_allclose(one.probes["test_loss"], other.probes["test_loss"], rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - set(COUNTING)))
def test_others_are_refused_unless_alone(name: str) -> None:
    with pytest.raises(ScenarioError, match=f"'{name}' makes all workers count alike; .* are {', '.join(COUNTING)}"):
        only_arm(algorithm=PARAMETERS[name], **UNEQUAL)
    only_arm(algorithm=PARAMETERS[name], **{**UNEQUAL, "workers": 1}) if "peers" not in PARAMETERS[name] else None


def test_a_problem_without_samples_cannot_count_them() -> None:
    with pytest.raises(ScenarioError, match="the model 'quadratic' has no samples to count"):
        only_arm(problem={"model": {"name": "quadratic", "dim": 2}, "weighting": "samples"})
