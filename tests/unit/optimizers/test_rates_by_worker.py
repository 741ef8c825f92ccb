"""A learning rate for each worker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import gossim
from gossim.algorithms import ALGORITHMS as REGISTRY
from gossim.analysis.gradient_weights import gradient_weights
from gossim.errors import RunError, ScenarioError
from gossim.execute.reference import Reference
from gossim.optimizers import OPTIMIZERS
from gossim.optimizers.schedules import Cosine
from gossim.plots.predicted import unfit
from gossim.problems.build import build
from gossim.problems.problem import Problem
from gossim.scenario.sweep import Sweep
from gossim.schema.describe import parameters
from gossim.sim.server import Server
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS, on_a_ring
from support.present import present
from support.scenarios import BASE, CPU, only_arm, scenario, world_of

RATES = [0.05, 0.2, 0.0, 0.1]
SCHEDULE = {"name": "cosine", "over_steps": 20, "final_factor": 0.1}
OWN = sorted(name for name in ALGORITHMS if not REGISTRY[name].one_rate and name != "sgd")
COMMON = sorted(name for name in ALGORITHMS if REGISTRY[name].one_rate)


class Scaled:
    """A problem whose gradients are multiplied by their worker's learning rate."""

    def __init__(self, inner: Problem, rates: list[float]):
        self.inner, self.rates = inner, rates

    def initial(self) -> torch.Tensor:
        return self.inner.initial()

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        return self.rates[worker] * self.inner.gradient(x, worker, step)


def listed(name: str, **more: Any) -> Any:
    return only_arm(
        algorithm=ALGORITHMS[name], topology=on_a_ring(name), **{"optimizer": {"learning_rate": RATES}, **more}
    )


@pytest.mark.parametrize("name", [name for name in OWN if name != "gradient_tracking"])
def test_each_gradient_counts_with_its_workers_rate(name: str) -> None:
    """As with a rate of 1 and gradients that are multiplied by their worker's; and the executors agree."""
    arm = listed(name)
    alike = listed(name, optimizer={"learning_rate": 1.0})
    problem = build(present(arm.problem), 4, 0, "float64", CPU)
    _, _, expected = trajectory(alike, Reference, problem=Scaled(problem, RATES))
    for executor in (Reference, None):
        _, _, rows = trajectory(arm, executor)
        torch.testing.assert_close(rows[-1], expected[-1], rtol=1e-9, atol=1e-12)


def test_gradient_tracking_uses_each_workers_rate_as_by_hand() -> None:
    """x_i ← Σ W x_j − η_i y_i;  y_i ← Σ W y_j + the change of its gradient. The first round's W is exact: 1/M."""
    arm = only_arm(
        algorithm={"name": "gradient_tracking"}, optimizer={"learning_rate": RATES}, compute={"time_s": 0.1},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None}, until={"gradient_steps": 12},
    )  # fmt: skip
    problem = build(present(arm.problem), 4, 0, "float64", CPU)
    eta = torch.tensor(RATES, dtype=torch.float64)[:, None]
    x = problem.initial().repeat(4, 1)
    latest = torch.stack([problem.gradient(x[m], m, 0) for m in range(4)])
    y = latest.clone()
    for step in range(1, 4):
        x = x.mean(dim=0) - eta * y
        gradient = torch.stack([problem.gradient(x[m], m, step) for m in range(4)])
        y = y.mean(dim=0) + gradient - latest
        latest = gradient
    _, _, rows = trajectory(arm)
    torch.testing.assert_close(rows[-1], x, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adamw"])
def test_workers_alone_are_torchs_optimizers(kind: str) -> None:
    """Nobody ever sends: each worker is torch's own loop with its rate, under a schedule of its own steps."""
    own: dict[str, dict[str, Any]] = {"sgd": {}, "momentum": {"momentum": 0.9}, "adamw": {"name": "adamw"}}
    steps = 10
    optimizer = {**own[kind], "learning_rate": RATES, "schedule": SCHEDULE, "weight_decay": 0.1}
    arm = only_arm(
        algorithm={"name": "local_sgd", "period": 100}, optimizer=optimizer,
        compute={"time_s": 0.1}, until={"gradient_steps": 4 * steps},
    )  # fmt: skip
    problem = build(present(arm.problem), 4, 0, "float64", CPU)
    _, _, rows = trajectory(arm)
    for worker, rate in enumerate(RATES):
        x = problem.initial().clone().requires_grad_()
        if kind == "adamw":
            by_torch: Any = torch.optim.AdamW([x], lr=rate, weight_decay=0.1)
        else:
            by_torch = torch.optim.SGD([x], lr=rate, weight_decay=0.1, momentum=own[kind].get("momentum", 0.0))
        for step in range(steps):
            by_torch.param_groups[0]["lr"] = rate * Cosine(over_steps=20, final_factor=0.1).at(step, 0.0)
            x.grad = problem.gradient(x.detach(), worker, step)
            by_torch.step()
        torch.testing.assert_close(rows[-1][worker], x.detach(), rtol=1e-9, atol=1e-12)


def test_a_list_of_one_rate_is_that_rate() -> None:
    for algorithm in ("allreduce", "downpour", "gosgd_push"):
        runs = [
            gossim.run(scenario(algorithm=ALGORITHMS[algorithm], optimizer={"learning_rate": rate, "momentum": 0.5}))
            for rate in (0.1, [0.1] * 4)
        ]
        assert runs[0].probes.equals(runs[1].probes)


def test_the_clock_alone_does_not_see_it() -> None:
    described = scenario(optimizer={"learning_rate": RATES})
    alone, full = gossim.run(described, gradients=False).probes, gossim.run(described).probes
    for column in ("time_s", "gradient_steps", "bytes_sent", "messages_sent"):
        assert alone[column].equals(full[column])


def test_weights_of_gradients_are_by_the_workers_rate() -> None:
    """Nobody sends: x̄ has ¼ of each gradient, and a rate of 0 says nothing of it."""
    arm = only_arm(algorithm={"name": "local_sgd", "period": 100}, optimizer={"learning_rate": RATES})
    gradients = gradient_weights("arm", arm, 0).gradients
    used = gradients[gradients["used_s"].notna()]
    for worker, rate in enumerate(RATES):
        a = used.loc[used["worker"] == worker, "a"]
        np.testing.assert_allclose(a, 0.25 if rate else np.nan, rtol=1e-12)


def test_no_formula_is_drawn_for_rates_that_differ() -> None:
    problem = {"model": {"name": "noise", "dim": 3}}
    assert unfit(only_arm(problem=problem, optimizer={"learning_rate": RATES})) == "the learning rates differ"


def test_points_of_a_sweep_and_set_may_be_lists() -> None:
    other = scenario().override({"optimizer.learning_rate": RATES}).arms["arm"].optimizer
    assert other is not None
    assert other.learning_rate == tuple(RATES)
    points = Sweep.parse({**BASE, "sweep": {"optimizer.learning_rate": [0.1, RATES]}}, "test").points
    assert [present(point.scenario.arms["arm"].optimizer).learning_rate for point in points] == [0.1, tuple(RATES)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": {"learning_rate": [0.1, 0.2]}}, "learning_rate = .*: must have one for each of 4 workers"),
        ({"optimizer": {"learning_rate": []}}, "learning_rate = .*: must have one for each of 4 workers, and has 0"),
        ({"optimizer": {"learning_rate": [0.1, 0.2, -1, 0.1]}}, r"optimizer.learning_rate.2 = -1: must be >= 0"),
        ({"optimizer": {"learning_rate": "fast"}}, "optimizer.learning_rate = fast: must be a number"),
        (
            {"algorithm": {**ALGORITHMS["diloco"], "outer": {"learning_rate": RATES}}},
            "algorithm.outer.learning_rate = .*: must be one number: all workers take the same outer step",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        scenario(**changes)


@pytest.mark.parametrize("name", COMMON)
def test_where_all_take_one_step_there_is_one_rate(name: str) -> None:
    with pytest.raises(ScenarioError, match=rf"optimizer.learning_rate = .*: '{name}' .*has one learning rate"):
        listed(name)


def test_a_server_of_ones_own_does_not_choose_a_rate() -> None:
    """An algorithm in a user's file that says nothing of rates, and has its server step."""
    world = world_of(listed("easgd"))
    server = world.servers[0]
    assert isinstance(server, Server)
    with pytest.raises(RunError, match="one learning rate"):
        server.step_along(SimpleNamespace(sender=0, row=0), 1.0)  # type: ignore[arg-type]


def test_the_catalogue_says_that_rates_may_be_a_list() -> None:
    assert parameters(OPTIMIZERS["sgd"])[0] == "learning_rate >= 0, or a list, one for each worker (required)"
