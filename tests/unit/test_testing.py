"""What `gossim.testing` finds in an algorithm, and what it lets pass."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch

import gossim
from gossim import Algorithm, RunError, ScenarioError
from gossim.program import RowError
from gossim.testing import check_algorithm, events, trajectory
from support.algorithms import ALGORITHMS, PLAIN_ALONE
from support.scenarios import only_arm, scenario


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_built_in_algorithms_pass(name: str) -> None:
    check_algorithm(ALGORITHMS[name], clusters=2, workers=3, alone_is_sgd=name not in PLAIN_ALONE)


class Push(Algorithm):
    """Right as it is, and wrong where a subclass spoils it."""

    weighted: ClassVar[bool] = True

    def worker(self, w: Any) -> Any:
        while True:
            self.take(w)
            gradient = w.gradient()
            yield w.compute()
            self.step(w, gradient)
            if not w.alone and w.rng.random() < 0.5:
                yield from self.send(w, w.random_peer())

    def take(self, w: Any) -> None:
        for message in w.receive():
            w.merge(message)

    def step(self, w: Any, gradient: int) -> None:
        w.step(gradient)

    def send(self, w: Any, peer: int) -> Any:
        w.push(peer)
        yield from ()


class LosesWeight(Push):
    def send(self, w: Any, peer: int) -> Any:
        w.halved()
        yield from ()


class KeepsRows(Push):
    def step(self, w: Any, gradient: int) -> None:
        w.draft(w.row)
        w.step(gradient)


class NeverReceives(Push):
    def take(self, w: Any) -> None: ...


class ReadsAFreedRow(Push):
    def step(self, w: Any, gradient: int) -> None:
        w.drop(gradient)
        w.combine(w.row, (1.0, w.row), (-0.1, gradient))


class WaitsForEver(Push):
    def send(self, w: Any, peer: int) -> Any:
        yield w.context.clock.event()


class OneWaitsForEver(Push):
    def send(self, w: Any, peer: int) -> Any:
        if w.index == 0:
            yield w.context.clock.event()
        w.push(peer)


class WaitsForLostAnswers(Push):
    """Without a timeout."""

    def send(self, w: Any, peer: int) -> Any:
        w.merge((yield w.pull(peer)))


class StepsTwice(Push):
    def step(self, w: Any, gradient: int) -> None:
        w.combine(w.row, (1.0, w.row), (-0.1, gradient))
        w.step(gradient)


class NeverSteps(Push):
    def step(self, w: Any, gradient: int) -> None:
        w.drop(gradient)


@pytest.mark.parametrize("faults", [False, True])
def test_a_correct_algorithm_passes_the_check(faults: bool) -> None:
    check_algorithm(Push(), faults=faults)


@pytest.mark.parametrize(
    ("wrong", "faults", "error", "told"),
    [
        (LosesWeight(), False, AssertionError, "the weights sum to"),
        (KeepsRows(), False, AssertionError, "rows at most are kept in the beginning, and"),
        (NeverReceives(), False, AssertionError, "rows at most are kept in the beginning, and"),
        (ReadsAFreedRow(), False, RowError, "was used after it was freed"),
        (WaitsForEver(), False, RunError, "is deadlocked"),
        (OneWaitsForEver(), False, AssertionError, "worker 0 computes nothing after 12 s: it waits for what never"),
        (WaitsForLostAnswers(), True, RunError, "is deadlocked"),
        (StepsTwice(), False, AssertionError, "the parameters of a worker that is alone are not those of SGD"),
        (NeverSteps(), False, AssertionError, "a worker that is alone takes 0 steps where SGD takes"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Algorithm) else None,
)
def test_what_is_wrong_is_found(wrong: Algorithm, faults: bool, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told) as raised:
        check_algorithm(wrong, faults=faults)
    assert "with seed 0, on cluster " in raised.value.__notes__[0]


def test_what_is_not_asked_for_is_not_required() -> None:
    check_algorithm(NeverSteps(), clusters=2, alone_is_sgd=False)
    check_algorithm(WaitsForLostAnswers(), clusters=2)


def test_the_check_takes_sections_of_a_scenario() -> None:
    check_algorithm({"name": "dpsgd"}, clusters=2, workers=4, topology={"name": "ring"})
    with pytest.raises(ScenarioError, match="is directed"):
        check_algorithm({"name": "adpsgd"}, clusters=1, workers=4, topology={"name": "static_exponential"})


def test_events_end_where_the_fast_way_ends_and_keep_the_weighted_sum() -> None:
    """It ends where the fast way ends; in between Σ α x, messages included, moves with the gradients only."""
    arm = only_arm(until={"time_s": 3.0})
    moved, steps, before = 0, 0, None
    for world, rows in events(arm, seed=4):
        holders: list[Any] = [*world.workers, *world.network.in_flight]
        total = sum(holder.alpha * rows[holder.row] for holder in holders)
        stepped, steps = world.gradient_steps > steps, world.gradient_steps
        if before is not None and not stepped:
            torch.testing.assert_close(total, before, rtol=0, atol=1e-12)
        moved += stepped
        before = total
    assert moved > 50
    assert world.network.messages_sent > 20
    last = trajectory(arm, seed=4)[2][-1]
    torch.testing.assert_close(torch.stack([rows[w.row] for w in world.workers]), last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("said", [None, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_messages_are_as_large_as_in_a_run(said: int | None, dtype: str) -> None:
    """Else they would be on their way for another time than in the run that a test stands for."""
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "none", "message_bytes": said}
    whole = scenario(network=network, dtype=dtype)
    probes = gossim.run(whole).probes
    _, facts, _ = trajectory(whole.arms["arm"])
    assert [fact.bytes_sent for fact in facts] == probes["bytes_sent"].to_list()
    assert [fact.time_s for fact in facts] == probes["time_s"].to_list()
    assert probes["bytes_sent"].iloc[-1] > 0
