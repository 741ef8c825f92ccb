"""Steps that are planned together change no number: against the same run with every step an event of its own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune

from gossim.algorithms import Algorithm
from gossim.errors import RunError
from gossim.execute.reference import Reference
from gossim.execute.waves import Wave, pieces
from gossim.problems.build import build
from gossim.problems.dense import Dense
from gossim.problems.settings import ProblemSettings
from gossim.program import LocalSteps, Program, RowError, expanded
from gossim.scenario.arm import Arm
from gossim.sim.worker import Worker
from gossim.sim.world import World
from gossim.tables.probe_rows import activities
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS, UNRELIABLE
from support.cases import in_turn
from support.present import present
from support.problems import PROBLEMS
from support.scenarios import DIGITS, only_arm, world_of

PLANNING = ("sgd", "gosgd_push", "gosgd_pull", "local_sgd", "diloco", "moshpit", "easgd")
"""Algorithms in which some steps need not be events of their own."""

CASES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "all at the same instants": {
        "compute": {"time_s": 0.1},
        "network": {"latency_s": 0.1, "bandwidth_bytes_per_s": None},
    },
    "messages that take no time": {
        "compute": {"time_s": 0.1},
        "network": {"latency_s": 0.0, "bandwidth_bytes_per_s": None},
    },
    "so many steps": {"until": {"gradient_steps": 333}},
    "so many steps at the same instants": {"until": {"gradient_steps": 333}, "compute": {"time_s": 0.1}},
    "few steps": {"until": {"gradient_steps": 5}},
    "fewer steps than workers": {"until": {"gradient_steps": 3}},
    "gradients that take too long to be planned, now and then": {
        "until": {"time_s": 5e4},
        "compute": {"time_s": {"distribution": "expon", "scale": 500.0}},
        "probe": {"every_s": 2e3},
    },
    "weight decay": {"optimizer": {"learning_rate": 0.05, "weight_decay": 0.1}},
    "momentum": {"optimizer": {"learning_rate": 0.05, "momentum": 0.9}},
    "slow links": {"network": {"latency_s": 0.02, "bandwidth_bytes_per_s": 1e3, "sharing": "fifo"}},
    "stragglers of every kind": {
        "compute": {
            "time_s": {"distribution": "expon", "scale": 0.1},
            "stragglers": [
                {"name": "random_slowdown", "probability": 0.1, "factor": 5},
                {"workers": [0], "factor": 3},
                {"name": "bursty", "mean_between_s": 1, "mean_length_s": 1, "factor": 3, "workers": [1]},
            ],
        }
    },
    "failures": {
        "faults": [{"name": "churn", "mean_up_s": 2.0, "mean_down_s": 0.5, "parameters": "fetched"}],
        "network": {"latency_s": 0.02, "bandwidth_bytes_per_s": 1e4, "sharing": "none", "loss": 0.1},
    },
    "failures at the same instants": {
        "compute": {"time_s": 0.1},
        "faults": [{"name": "crash", "workers": [1], "at_s": 2.0, "back_after_s": 1.0, "parameters": "reset"}],
        "network": {"latency_s": 0.1, "bandwidth_bytes_per_s": None, "loss": 0.1},
    },
}


def arm_of(name: str, case: str) -> Arm:
    algorithm = (UNRELIABLE if "failures" in case else ALGORITHMS)[name]
    return only_arm(**{"until": {"time_s": 4}, **CASES[case]}, algorithm=algorithm)


def same(one: tuple[World, list[Any], list[Any]], other: tuple[World, list[Any], list[Any]]) -> None:
    (world, facts, rows), (other_world, other_facts, other_rows) = one, other
    assert facts == other_facts
    assert max(float((x - y).abs().max()) for x, y in zip(rows, other_rows, strict=True)) < 1e-9
    assert world.network.exchanges == other_world.network.exchanges
    assert list(activities(world)) == list(activities(other_world))


@pytest.mark.parametrize(("case", "name"), in_turn(CASES, PLANNING, quick=2))
def test_planned_together_or_one_by_one(name: str, case: str) -> None:
    """On clusters that are drawn: tests/properties/test_executors.py."""
    arm = arm_of(name, case)
    one_by_one = trajectory(arm, stepwise=True)
    if not CASES[case]:  # elsewhere tests/properties/test_executors.py has planned steps under both executors
        same(one_by_one, trajectory(arm, Reference))
    # The first steps are for the timeline, one by one; the others are planned.
    same(one_by_one, trajectory(arm, timeline_limit=40))


def test_there_are_far_fewer_events() -> None:
    """One for some fifteen steps at p = 0.02, and those of messages."""
    arm = only_arm(
        until={"time_s": 150.0}, probe={"every_s": 1000.0}, algorithm={"name": "gosgd_push", "push_probability": 0.02}
    )
    events = {}
    for stepwise in (True, False):
        world = world_of(arm, stepwise=stepwise)
        events[stepwise] = 0
        while not world.finished:
            world.clock.step()
            events[stepwise] += 1
    assert events[True] > 5000
    assert events[False] < events[True] / 8


def test_planned_steps_are_emitted_whole_and_taken_apart_in_order() -> None:
    program = Program()
    row = program.copy(0)
    program.local_steps(row, worker=3, first=7, steps=2, keep=0.9, rate=0.1)
    *_, planned = program.take()
    assert planned == LocalSteps(row, 3, 7, 2, 0.9, 0.1)
    ops: list[Any] = list(expanded([planned]))
    gradient, step, again, _ = ops
    assert (gradient.at, gradient.worker, gradient.step, again.step) == (row, 3, 7, 8)
    assert step.terms == ((0.9, row), (-0.1, gradient.out))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("model", [{"name": "logistic"}, {"name": "mlp", "hidden": [7, 5]}])
def test_gradients_by_hand_are_those_of_autograd(model: dict[str, Any], dtype: str) -> None:
    settings = ProblemSettings.model_validate({"model": model, "data": DIGITS, "batch_size": 6})
    problem: Any = build(settings, 9, 0, dtype, torch.device("cpu"))
    assert problem.dense
    generator = torch.Generator().manual_seed(0)
    x = problem.initial() + 0.3 * torch.randn(9, problem.dim, generator=generator, dtype=problem.dtype)
    steps = np.arange(9) * 30  # from blocks of minibatches far apart
    together = problem.gradients(x, np.arange(9), steps)
    alone = torch.stack([problem.gradient(x[m], m, int(steps[m])) for m in range(9)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("change", ["dropout", "bias", "order"])
def test_other_networks_are_not_taken_for_dense_ones(change: str) -> None:
    layers = [nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10)]
    assert present(Dense.of(nn.Sequential(*layers))).widths == [64, 5, 10]
    if change == "dropout":
        layers.insert(3, nn.Dropout(0.1))
    elif change == "bias":
        layers[1] = nn.Linear(64, 5, bias=False)
    else:
        layers[2] = nn.Tanh()
    assert Dense.of(nn.Sequential(*layers)) is None


def test_clocks_that_run_for_months() -> None:
    """Whole numbers of picoseconds outgrow those of an array."""
    for time_s, end_s, steps in ((1e4, 9e6, 900), (1e5, 2e8, 2000), (900.0, 9e6, 10_000)):
        arm = only_arm(workers=1, compute={"time_s": time_s}, until={"time_s": end_s}, probe={"every_s": 1e9})
        world = world_of(arm)
        for _ in world.windows(100, 10**9):
            """The clock runs."""
        assert (world.gradient_steps, world.clock.now_s) == (steps, end_s)


def test_the_age_of_messages_of_a_run_that_broke_is_of_those_that_are_reckoned() -> None:
    def staleness(every_s: float) -> tuple[float | None, float | None]:
        faults = [{"name": "crash", "workers": [0, 1, 2, 3], "at_s": 20.0}]
        world = world_of(only_arm(until={"time_s": 50}, faults=faults, probe={"every_s": every_s}))
        with pytest.raises(RunError, match="every worker is down"):
            for _ in world.windows(100, 10**9):
                """The clock runs."""
        return world.staleness()

    steps, seconds = staleness(1.0)
    assert steps is not None
    assert seconds is not None
    assert 1 < steps < 6
    assert staleness(1000.0) == (None, seconds)


class Odd(Algorithm):
    """Worker 0 plans its steps, the others do something to it meanwhile, or on their own."""

    name: str = "odd"
    what: str = ""

    def worker(self, w: Worker) -> Any:
        if w.index == 0:
            yield from w.local_steps()
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            first: Any = w.peers.workers[0]
            if self.what == "overwrite":
                first.combine(first.row, (1.0, w.row))
            elif self.what == "interfere":
                first.gradient()
            elif self.what == "compute":
                yield first.compute()
            elif self.what == "ask" and first.steps % 2:
                w.combine(w.row, (0.5, w.row), (0.5, first.row))


@pytest.mark.parametrize(
    ("what", "error", "told"),
    [
        ("overwrite", RowError, "written while its worker takes local steps"),
        ("interfere", RunError, "only one process"),
        ("compute", RunError, "only one process"),
    ],
)
def test_what_cannot_be_done_to_a_worker_that_takes_local_steps_is_refused(what: str, error: Any, told: str) -> None:
    arm = only_arm(until={"time_s": 5}).model_copy(update={"algorithm": Odd(what=what)})
    with pytest.raises(error, match=told):
        trajectory(arm)


@pytest.mark.parametrize("until", [{"time_s": 20}, {"gradient_steps": 700}])
def test_others_may_look_and_count_at_any_time(until: dict[str, Any]) -> None:
    arm = only_arm(until=until, probe={"every_s": 1000.0}).model_copy(update={"algorithm": Odd(what="ask")})
    one_by_one = trajectory(arm, stepwise=True)
    same(one_by_one, trajectory(arm))
    same(one_by_one, trajectory(arm, window=10**9))


class Late(Algorithm):
    """Takes what has come only now and then."""

    weighted: ClassVar[bool] = True
    name: str = "late"

    def worker(self, w: Worker) -> Any:
        while True:
            for _ in range(3):
                if (yield from w.local_steps_until(0.2)):
                    w.push(present(w.random_peer()))
            for message in w.receive():
                w.merge(message)


def test_what_lies_in_the_mailbox_already_ends_it_after_one_step() -> None:
    arm = only_arm(until={"time_s": 20}).model_copy(update={"algorithm": Late()})
    same(trajectory(arm, stepwise=True), trajectory(arm, window=10**9))


@pytest.mark.parametrize("how", ["pruned", "hooked", "tied", "normed"])
def test_networks_with_something_hung_onto_them_are_left_to_autograd(how: str) -> None:
    linear = nn.Linear(64, 64)
    last = linear if how == "tied" else nn.Linear(64, 10)
    network = nn.Sequential(nn.Flatten(), linear, nn.ReLU(), last)
    assert how == "tied" or Dense.of(network)
    if how == "pruned":
        prune.random_unstructured(linear, "weight", amount=0.5)
    elif how == "hooked":
        linear.register_forward_hook(lambda module, inputs, output: 3 * output)
    elif how == "normed":
        parametrizations.weight_norm(linear)
    assert Dense.of(network) is None


@settings(deadline=None)
@given(rows=st.sets(st.integers(0, 60), min_size=1).map(sorted), at_once=st.integers(1, 40))
def test_pieces_hold_every_row_once(rows: list[int], at_once: int) -> None:
    numbers = np.array(rows)
    found = list(pieces(numbers, at_once))
    assert sorted(place for piece, _ in found for place in piece.tolist()) == list(range(len(rows)))
    for piece, together in found:
        assert 0 < len(piece) <= at_once
        assert not together or numbers[piece].tolist() == list(range(numbers[piece[0]], numbers[piece[-1]] + 1))


@pytest.mark.parametrize("keep", [1.0, 0.9])
@pytest.mark.parametrize("name", [*PROBLEMS, "by hand"])
def test_a_wave_in_pieces_is_the_wave(name: str, keep: float) -> None:
    """In place or by way of a copy, one row at a time or all, and as the gradients alone would have it."""
    by_hand = {"model": {"name": "mlp", "hidden": [6, 5]}, "data": DIGITS, "batch_size": 5}
    settings = ProblemSettings.model_validate({**PROBLEMS, "by hand": by_hand}[name])
    problem = build(settings, 12, 0, "float64", torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    bank = problem.initial() + 0.3 * torch.randn(20, problem.dim, generator=generator, dtype=problem.dtype)
    rows = np.array([0, 1, 2, 3, 6, 8, 9, 10, 11, 12, 13, 19])
    wave = Wave(rows, np.arange(12)[::-1].copy(), np.arange(12) * 7, keep, 0.1)
    expected = bank.clone()
    expected[rows] = keep * bank[rows] - 0.1 * problem.gradients(bank[rows], wave.workers, wave.steps)
    for at_once in (1, 2, 3, 7, 12, 100):
        moved, problem.piece_bytes = bank.clone(), at_once * problem.dim * 8
        wave.take(moved, problem)
        torch.testing.assert_close(moved, expected, rtol=1e-10, atol=1e-12)
