"""Optimizers and schedules: torch's, step by step, and of one worker each."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch.optim import lr_scheduler

import gossim
from gossim.algorithms.downpour import Downpour
from gossim.algorithms.rennala import Rennala
from gossim.algorithms.ringmaster import Ringmaster
from gossim.algorithms.ssp import SSP
from gossim.errors import ScenarioError
from gossim.execute.reference import Reference
from gossim.files import yaml12
from gossim.optimizers import AnyOptimizer, Optimizer, OptimizerSettings, optimizer_for
from gossim.optimizers.schedules import AnySchedule, Schedule
from gossim.problems.build import build
from gossim.program import Apply, Combine, NoProgram, Program
from gossim.scenario.scenario import Scenario
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS
from support.cases import in_turn
from support.optimizers import OPTIMIZERS
from support.present import present
from support.problems import PROBLEMS
from support.scenarios import BASE, CPU, only_arm, scenario, world_of

ALONE: dict[str, Any] = {"algorithm": {"name": "sgd"}, "workers": 1}
RATE = 0.05


def schedule(**written: Any) -> Schedule:
    return TypeAdapter(AnySchedule).validate_python(written)


def optimizer_settings(written: dict[str, Any]) -> OptimizerSettings:
    return TypeAdapter(AnyOptimizer).validate_python(written)


TORCHS: list[tuple[dict[str, Any], Callable[..., torch.optim.Optimizer], dict[str, Any]]] = [
    ({}, torch.optim.SGD, {}),
    ({"momentum": 0.9}, torch.optim.SGD, {"momentum": 0.9}),
    ({"momentum": 0.9, "nesterov": True}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ({"name": "adam"}, torch.optim.Adam, {}),
    ({"name": "adam", "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1}, torch.optim.Adam,
     {"betas": (0.5, 0.9), "eps": 0.1}),
    ({"name": "adamw"}, torch.optim.AdamW, {}),
]  # fmt: skip


@pytest.mark.parametrize("weight_decay", [None, 0.0, 0.05])
@pytest.mark.parametrize(("own", "torchs", "theirs"), TORCHS, ids=[str(own) for own, _, _ in TORCHS])
def test_optimizers_step_as_torchs(
    own: dict[str, Any],
    torchs: Callable[..., torch.optim.Optimizer],
    theirs: dict[str, Any],
    weight_decay: float | None,
) -> None:
    """`None` leaves weight decay to the default, which is torch's as well."""
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    optimizer = {"learning_rate": RATE, **own, **decay}
    arm = only_arm(**ALONE, optimizer=optimizer, problem=PROBLEMS["logistic"])
    _, _, rows = trajectory(arm)
    problem = build(present(arm.problem), 1, 0, "float64", CPU)
    x = problem.initial().requires_grad_()
    expected = torchs([x], lr=RATE, **theirs, **decay)
    for step in range(40):
        x.grad = problem.gradient(x.detach(), 0, step)
        expected.step()
    torch.testing.assert_close(rows[-1][0], x.detach(), rtol=1e-11, atol=1e-13)


TORCHS_SCHEDULES: list[tuple[dict[str, Any], Callable[[Any], Any]]] = [
    ({"name": "constant"}, lambda sgd: lr_scheduler.ConstantLR(sgd, factor=1.0)),
    ({"name": "cosine", "over_steps": 30}, lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, T_max=30)),
    (
        {"name": "cosine", "over_steps": 50, "final_factor": 0.1},
        lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, T_max=50, eta_min=0.1 * RATE),
    ),
    ({"name": "step", "over_steps": 7}, lambda sgd: lr_scheduler.StepLR(sgd, step_size=7)),
    ({"name": "step", "over_steps": 7, "factor": 0.3}, lambda sgd: lr_scheduler.StepLR(sgd, step_size=7, gamma=0.3)),
    (
        {"name": "warmup", "over_steps": 12, "start_factor": 0.25},
        lambda sgd: lr_scheduler.LinearLR(sgd, start_factor=0.25, total_iters=12),
    ),
    (
        {"name": "warmup", "over_steps": 6, "start_factor": 0.1, "then": {"name": "step", "over_steps": 5}},
        lambda sgd: lr_scheduler.SequentialLR(
            sgd,
            [lr_scheduler.LinearLR(sgd, start_factor=0.1, total_iters=6), lr_scheduler.StepLR(sgd, step_size=5)],
            milestones=[6],
        ),
    ),
]


@pytest.mark.parametrize(("own", "theirs"), TORCHS_SCHEDULES, ids=[str(own) for own, _ in TORCHS_SCHEDULES])
def test_schedules_follow_torchs(own: dict[str, Any], theirs: Callable[[Any], Any]) -> None:
    """Of one worker's steps, in a run, and as the function that it is."""
    optimizer = {"learning_rate": RATE, "momentum": 0.5, "schedule": own}
    arm = only_arm(**ALONE, optimizer=optimizer, problem=PROBLEMS["logistic"], until={"gradient_steps": 30})
    _, _, rows = trajectory(arm)
    problem = build(present(arm.problem), 1, 0, "float64", CPU)
    x = problem.initial().requires_grad_()
    sgd = torch.optim.SGD([x], lr=RATE, momentum=0.5)
    scheduler = theirs(sgd)
    for step in range(30):
        assert schedule(**own).at(step, 123.0) == pytest.approx(sgd.param_groups[0]["lr"] / RATE, rel=1e-12, abs=1e-15)
        x.grad = problem.gradient(x.detach(), 0, step)
        sgd.step()
        scheduler.step()
    torch.testing.assert_close(rows[-1][0], x.detach(), rtol=1e-11, atol=1e-13)


def test_schedules_by_time_and_beyond_their_end() -> None:
    cosine = schedule(name="cosine", over_s=4.0, final_factor=0.2)
    assert [cosine.at(99, s) for s in (0.0, 2.0, 4.0, 9.0)] == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert schedule(name="cosine", over_steps=4).at(9, 0.0) == 0.0  # torch's would rise again
    # Sums of seconds are no multiples in floating point, and stairs come on time.
    stairs = schedule(name="step", over_s=0.1, factor=0.5)
    assert [stairs.at(0, s) for s in (0.0, 0.1, 0.3, 0.1 + 0.2, 0.7, 0.75)] == [1, 0.5, 0.125, 0.125, 2**-7, 2**-7]
    warmup = schedule(name="warmup", over_s=2.0, then={"name": "cosine", "over_s": 4.0})
    assert [warmup.at(5, s) for s in (0.0, 0.5, 2.0, 4.0, 6.0)] == pytest.approx([0.0, 0.25, 1.0, 0.5, 0.0])
    assert schedule(name="warmup", over_s=0.3).at(5, 0.3) == 1.0
    assert schedule(name="constant").at(7, 3.0) == 1.0


@pytest.mark.parametrize("pace", ["over_steps", "over_s"])
def test_each_worker_goes_by_its_own_steps_or_by_the_common_time(pace: str) -> None:
    over = {"over_steps": 5, "over_s": 0.5}[pace]
    arm = only_arm(
        algorithm={"name": "sgd"},
        workers=2,
        until={"time_s": 4.0},
        compute={"time_s": 0.1, "stragglers": [{"workers": [1], "factor": 4}]},
        optimizer={"learning_rate": 0.8, "schedule": {"name": "step", pace: over, "factor": 0.5}},
    )
    world = world_of(arm)
    rates: dict[int, list[float]] = {worker.row: [] for worker in world.workers}
    for window in world.windows(10**6, 10**9):
        for op in window:
            if isinstance(op, Combine) and op.out in rates and len(op.terms) == 2:
                rates[op.out].append(-op.terms[1][0])
    for worker, step_s in zip(world.workers, (0.1, 0.4), strict=True):
        assert len(rates[worker.row]) >= 9
        for step, rate in enumerate(rates[worker.row]):
            time_s = (step + 1) * step_s
            stairs = step // 5 if pace == "over_steps" else math.floor(time_s / 0.5 + 1e-9)
            assert rate == 0.8 * 0.5**stairs


EACH_WITH_SOME = [
    *in_turn(sorted(ALGORITHMS), ["momentum", "adamw"]),
    *(("gosgd_push", optimizer) for optimizer in sorted(OPTIMIZERS.keys() - {"momentum", "adamw"})),
]
"""Each algorithm with one velocity or with two averages, and slowly with the other; one with every optimizer."""


@pytest.mark.parametrize(("name", "optimizer"), EACH_WITH_SOME)
def test_what_an_optimizer_remembers_stays_with_its_worker(name: str, optimizer: str) -> None:
    """Its rows are read for this worker's own rows only, and no other worker's rows are read for them."""
    algorithm = ALGORITHMS[name]
    arm = only_arm(algorithm=algorithm, optimizer=OPTIMIZERS[optimizer], until={"gradient_steps": 100})
    world = world_of(arm)
    own = {row: worker.index for worker in world.workers for row in (worker.row, *present(worker.optimizer).rows)}
    state = {row for worker in world.workers for row in present(worker.optimizer).rows}
    steps = 0
    for window in world.windows(50, 10**9):
        for op in window:
            if isinstance(op, Combine | Apply):
                reads = op.rows if isinstance(op, Apply) else [row for _, row in op.terms]
                if state & {op.out, *reads}:
                    assert {own.get(row, own[op.out]) for row in reads} <= {own[op.out]}
                    steps += 1
    assert (steps > 100) == (bool(state) and not isinstance(arm.algorithm, Downpour | SSP | Ringmaster | Rennala)), (
        "there it is the server's"
    )
    assert world.network.bytes_sent == bytes_sent_by_plain_sgd(algorithm)


def bytes_sent_by_plain_sgd(algorithm: dict[str, Any]) -> int:
    world = world_of(only_arm(algorithm=algorithm, until={"gradient_steps": 100}))
    for _ in world.windows(50, 10**9):
        pass
    return world.network.bytes_sent


class Given:
    """A problem whose gradients are given, whatever x is; the reference executor on it, and a clock to set."""

    def __init__(self) -> None:
        self.gradients = torch.randn(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
        self.program = Program()
        self.clock = SimpleNamespace(now_s=0.0)
        problem: Any = self
        self.reference = Reference(problem, lambda rows, facts: None)

    def initial(self) -> torch.Tensor:
        return torch.ones(6, dtype=torch.float64)

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        return self.gradients[step]

    def optimizer(self, name: str) -> Optimizer:
        """On a row of its own, that is no worker's."""
        return optimizer_for(optimizer_settings(OPTIMIZERS[name]), self.program, self.program.copy(0), self.clock)

    def after(self, optimizer: Optimizer, steps: range) -> torch.Tensor:
        """The parameters after steps along those gradients, 0.1 s apart."""
        row = self.program.rows.allocate()
        for step in steps:
            self.clock.now_s = 0.1 * step
            self.program.grad(row, optimizer.parameters, 0, step)
            optimizer.step(row)
        self.program.rows.release(row)
        self.reference.run(self.program.take())
        return self.reference.rows[optimizer.parameters]


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_restarted_it_is_as_at_the_start(name: str) -> None:
    given_ones = Given()
    optimizer = given_ones.optimizer(name)
    state = list(optimizer.state)
    first = given_ones.after(optimizer, range(3))
    rows = len(given_ones.program.rows)
    optimizer.restart()
    given_ones.program.combine(optimizer.parameters, [(1.0, 0)])
    assert torch.equal(given_ones.after(optimizer, range(3)), first)
    assert optimizer.state == state
    assert len(given_ones.program.rows) == rows
    assert optimizer.steps == 3


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_taking_over_is_going_on_where_another_is(name: str) -> None:
    given_ones = Given()
    one, other = given_ones.optimizer(name), given_ones.optimizer(name)
    given_ones.after(one, range(5))
    given_ones.after(other, range(2))
    other.take_over(one)
    given_ones.program.combine(other.parameters, [(1.0, one.parameters)])
    assert not set(one.state) & set(other.state)
    assert torch.equal(given_ones.after(other, range(5, 8)), given_ones.after(one, range(5, 8)))


@pytest.mark.parametrize(("name", "optimizer"), EACH_WITH_SOME)
def test_with_learning_rate_0_nothing_moves(name: str, optimizer: str) -> None:
    """Not by weight decay either: also AdamW's is times the learning rate."""
    _, _, rows = trajectory(
        only_arm(
            algorithm=ALGORITHMS[name],
            optimizer={**OPTIMIZERS[optimizer], "learning_rate": 0.0},
            problem=PROBLEMS["logistic"],
        )
    )
    torch.testing.assert_close(rows[-1], rows[0], rtol=1e-14, atol=0)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_the_clock_alone_with_any_optimizer(optimizer: str) -> None:
    described = scenario(optimizer=OPTIMIZERS[optimizer])
    alone, full = gossim.run(described, gradients=False).probes, gossim.run(described).probes
    assert alone["time_s"].equals(full["time_s"])
    assert alone["bytes_sent"].equals(full["bytes_sent"])
    program = NoProgram()
    built = optimizer_for(present(described.optimizer), program, 0, SimpleNamespace(now_s=0.0))
    built.step(0)
    built.take_over(built)
    built.restart()
    assert not program.ops


MISTAKES = [
    ({"learning_rate": 0.1, "nesterov": True}, "optimizer.nesterov = true: must have momentum > 0"),
    ({"name": "adm", "learning_rate": 0.1}, "optimizer.name = adm: unknown name; did you mean 'adam'?"),
    ({"name": "adam"}, "optimizer.learning_rate: is required"),
    ({"momentum": 0.9}, "optimizer.learning_rate: is required"),
    ({"name": "adam", "learning_rate": 0.1, "momentum": 0.9}, "optimizer.momentum = 0.9: unknown key"),
    ({"name": "adam", "learning_rate": 0.1, "beta1": 1.0}, "optimizer.beta1 = 1.0: must be in [0, 1)"),
    ({"name": "adamw", "learning_rate": 0.1, "beta": 0.9}, "optimizer.beta = 0.9: unknown key; did you mean 'beta"),
    ({"name": "adamw", "learning_rate": 0.1, "epsilon": 0}, "optimizer.epsilon = 0: must be > 0"),
    ({"name": "adamw", "learning_rate": 0.1, "weight_decay": -1}, "optimizer.weight_decay = -1: must be >= 0"),
]

SCHEDULE_MISTAKES = [
    ({"name": "cosin", "over_s": 1}, "optimizer.schedule.name = cosin: unknown name; did you mean 'cosine'?"),
    ({"over_s": 1}, "optimizer.schedule = {over_s: 1}: must be a mapping that says by its `name`"),
    ({"name": "cosine"}, "optimizer.schedule = {name: cosine}: must have exactly one of over_steps, over_s"),
    (
        {"name": "step", "over_s": 1, "over_steps": 3},
        "optimizer.schedule = {name: step, over_s: 1, over_steps: 3}: must have exactly one of over_steps, over_s",
    ),
    ({"name": "step", "over_s": 0}, "optimizer.schedule.over_s = 0: must be >= 1e-9, a nanosecond"),
    ({"name": "step", "over_steps": 1.5}, "optimizer.schedule.over_steps = 1.5: must be a whole number"),
    ({"name": "step", "over_s": 1, "factor": 2}, "optimizer.schedule.factor = 2: must be in [0, 1]"),
    ({"name": "constant", "over_s": 1}, "optimizer.schedule.over_s = 1: unknown key"),
    (
        {"name": "warmup", "over_s": 1, "then": {"name": "cosine", "over_steps": 9}},
        "optimizer.schedule.then = {name: cosine, over_steps: 9, final_factor: 0.0}: must have over_s, as the warm-up",
    ),
    (
        {"name": "warmup", "over_s": 1, "then": {"name": "warmup", "over_s": 1}},
        "optimizer.schedule.then.name = warmup: unknown name; valid: constant, cosine, step",
    ),
    (
        {"name": "warmup", "over_s": 1, "then": {"name": "step", "over_s": 1, "factor": 3}},
        "optimizer.schedule.then.factor = 3: must be in [0, 1]",
    ),
]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    MISTAKES + [({"learning_rate": 0.1, "schedule": wrong}, message) for wrong, message in SCHEDULE_MISTAKES],
)
def test_a_mistake_is_told_with_path_value_and_rule(optimizer: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(optimizer=optimizer)
    assert len(caught.value.problems) == 1, caught.value
    assert message in str(caught.value)


def test_an_arm_inherits_or_replaces_the_shared_optimizer() -> None:
    """What it does not name it inherits; what it names replaces the shared optimizer; `sgd` goes without saying."""

    def check(shared: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]) -> None:
        arms = {"arm": {"algorithm": {"name": "sgd"}, "optimizer": own}}
        merged = Scenario.parse({**BASE, "optimizer": shared, "arms": arms}).arms["arm"].optimizer
        assert merged == optimizer_settings(expected)

    adam = {"name": "adam", "learning_rate": 0.1, "beta1": 0.5, "schedule": {"name": "cosine", "over_s": 3.0}}
    check(adam, {"learning_rate": 0.2}, {**adam, "learning_rate": 0.2})
    check(adam, {"name": "adam", "beta2": 0.5}, {**adam, "beta2": 0.5})
    check(adam, {"schedule": {"over_s": 5.0}}, {**adam, "schedule": {"name": "cosine", "over_s": 5.0}})
    check(adam, {"schedule": {"name": "constant"}}, {**adam, "schedule": {"name": "constant"}})
    check(adam, {"name": "sgd", "learning_rate": 0.3}, {"learning_rate": 0.3})
    unnamed = {"learning_rate": 0.1, "momentum": 0.9}
    check(unnamed, {"nesterov": True}, {**unnamed, "nesterov": True})
    check(unnamed, {"name": "sgd", "nesterov": True}, {**unnamed, "nesterov": True})
    check(unnamed, {"name": "adamw", "learning_rate": 0.2}, {"name": "adamw", "learning_rate": 0.2})


@settings(max_examples=60, deadline=None)
@given(shared=st.sampled_from(sorted(OPTIMIZERS)), arms=st.lists(st.sampled_from(sorted(OPTIMIZERS)), max_size=3))
def test_the_resolved_scenario_is_read_back(shared: str, arms: list[str]) -> None:
    own = {f"arm{n}": {"optimizer": {"name": "sgd", **OPTIMIZERS[name]}} for n, name in enumerate(arms)}
    own |= {"faster": {"optimizer": {"learning_rate": 0.7}}, "same": {}}
    data = {**BASE, "optimizer": OPTIMIZERS[shared]}
    first = Scenario.parse({**data, "arms": {arm: {"algorithm": {"name": "sgd"}, **it} for arm, it in own.items()}})
    again = Scenario.parse(yaml12.read(first.to_yaml()))
    assert again == first
    assert again.arms == first.arms
    assert again.to_data()["optimizer"]["name"] == OPTIMIZERS[shared].get("name", "sgd")
    assert present(again.arms["faster"].optimizer).learning_rate == 0.7
