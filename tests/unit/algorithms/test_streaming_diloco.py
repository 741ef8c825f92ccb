"""DiLoCo in fragments: its times by hand, what fails, and that it is DiLoCo where it must be."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gossim.algorithms.diloco import DiLoCo
from gossim.errors import InputError, ScenarioError
from gossim.sim.world import World
from gossim.testing import check_executors, trajectory
from support.algorithms import STREAMING
from support.ledger import ledger
from support.scenarios import only_arm, scenario, world_of

NETWORK = {"latency_s": 0.0, "bandwidth_bytes_per_s": 960.0, "sharing": "fair", "message_bytes": 384}
"""A ring among 4 takes 2 · 3/4 · 384 bytes (48 numbers) at 960 a second, 0.6 s."""
OUTER = {"outer": {"learning_rate": 1.0}}


def run(steps: int, **algorithm: Any) -> World:
    """Workers that take 1 s for a step, with a period of 4."""
    arm = only_arm(
        algorithm={"name": "diloco", "period": 4, **OUTER, **algorithm},
        compute={"time_s": 1.0},
        until={"gradient_steps": 4 * steps},
        network=NETWORK,
        probe={"every_s": 1e6},
        problem="none",
        optimizer=None,
    )
    world = world_of(arm, message_bytes=384, learns=False, timeline_limit=10**4)
    list(world.windows(10**6, 10**9))
    return world


@pytest.mark.parametrize("barrier", [True, False])
@pytest.mark.parametrize(
    ("fragments", "late", "seconds"),
    [
        (1, 0, 0.6),
        (2, 0, 2 * 0.3),
        (4, 0, 4 * 0.15),
        (1, 1, 0.0),  # 0.6 s, hidden behind a step of 1 s
        (2, 1, 0.0),
    ],
)
def test_only_what_no_step_hides_takes_time(fragments: int, late: int, seconds: float, barrier: bool) -> None:
    ring = {"name": "ring", "events": True, "barrier": barrier}
    world = run(9, fragments=fragments, overlap_steps=late, collective=ring)
    assert world.clock.now_s == pytest.approx(9 + 2 * seconds)
    averages = 2 * fragments + (fragments == 4)  # with four, one more begins as the run ends
    assert world.network.bytes_sent == averages * 2 * 3 * 384 // fragments


@pytest.mark.parametrize("fragments", [1, 2, 4])
def test_what_is_sent_at_once_falls_by_the_number_of_fragments(fragments: int) -> None:
    """The bytes of the first average, which begins after H/P steps, are a P-th of the vector's, and so is its time."""
    assert run(4 // fragments, fragments=fragments).network.bytes_sent == 2 * 3 * 384 // fragments
    intervals = run(9, fragments=fragments).timeline.intervals
    times = {round(i.end_s - i.start_s, 9) for i in intervals if i.activity == "sending"}
    assert times == {0.6 / fragments}


def test_what_is_hidden_is_on_the_timeline() -> None:
    """Averages of 0.3 s begin at 2 and 4 s."""
    intervals = [i for i in run(5, fragments=2, overlap_steps=1).timeline.intervals if i.worker == 1]
    messages = [(i.start_s, i.end_s, i.size_bytes) for i in intervals if i.activity == "message"]
    assert messages == [(2.0, pytest.approx(2.3), 192), (4.0, pytest.approx(4.3), 192)]
    assert {i.activity for i in intervals} == {"message", "computing"}


def test_what_a_step_does_not_hide_is_waited_for() -> None:
    """1.2 s, of which a step hides 1 s."""
    slow = {**NETWORK, "bandwidth_bytes_per_s": 480.0}
    arm = only_arm(
        algorithm={"name": "diloco", "period": 4, "overlap_steps": 1, **OUTER},
        compute={"time_s": 1.0}, until={"gradient_steps": 4 * 6}, network=slow, problem="none", optimizer=None,
    )  # fmt: skip
    world = world_of(arm, message_bytes=384, learns=False, timeline_limit=10**4)
    list(world.windows(10**6, 10**9))
    own = [(i.activity, i.start_s, i.end_s) for i in world.timeline.intervals if i.worker == 0]
    assert ("message", 4.0, 5.0) in own
    assert ("sending", 5.0, pytest.approx(5.2)) in own


def test_in_one_fragment_without_overlap_it_is_diloco(monkeypatch: pytest.MonkeyPatch) -> None:
    algorithm = {"name": "diloco", "period": 3, "outer": {"learning_rate": 0.7, "momentum": 0.9, "nesterov": True}}
    _, facts, rows = trajectory(only_arm(algorithm=algorithm))
    monkeypatch.setattr(DiLoCo, "worker", DiLoCo.in_fragments)
    _, same_facts, same = trajectory(only_arm(algorithm=algorithm))
    assert same_facts == facts
    assert len(rows) > 3
    for one, other in zip(rows, same, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("parameters", ["kept", "reset", "fetched"])
def test_executors_agree_where_workers_of_streaming_diloco_fail(parameters: str) -> None:
    """The executors agree, the clock alone is that of the full run, and who comes back is in step with the others."""
    arm = only_arm(
        algorithm={**STREAMING, "timeout_s": 0.3},
        faults=[{"name": "churn", "mean_up_s": 1.0, "mean_down_s": 0.3, "parameters": parameters}],
        until={"gradient_steps": 120},
    )
    check_executors(arm)
    assert ledger(arm, 0, True, 50) == ledger(arm, 0, False, 50)


def test_after_a_crash_all_fragments_come_together_again() -> None:
    """A worker that begins again at x⁰, when the others are at an odd fragment, is led back to the others' θ."""
    crash = {"name": "crash", "workers": [1], "at_s": 1.03, "back_after_s": 0.5, "parameters": "reset"}
    arm = only_arm(
        algorithm={"name": "diloco", "period": 2, "fragments": 2, "timeout_s": 1.0,
                   "outer": {"learning_rate": 0.7, "momentum": 0.5}},
        compute={"time_s": 0.1}, faults=[crash], until={"time_s": 16.0},
        optimizer={"learning_rate": 0.02},
        problem={"model": {"name": "quadratic", "dim": 5, "condition_number": 5.0}},
    )  # fmt: skip
    rows = trajectory(arm)[2][-1]
    torch.testing.assert_close(rows, rows[:1].expand_as(rows), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"fragments": 3}, "fragments = 3: must divide the period, 4"),
        ({"overlap_steps": 4}, "overlap_steps = 4: must be below period/fragments, 4"),
        ({"fragments": 2, "overlap_steps": 2}, "overlap_steps = 2: must be below period/fragments, 2"),
        ({"fragments": 2, "buckets": 2}, "buckets = 2: cannot be had with fragments"),
        ({"mix": 1.0}, "mix = 1.0"),
    ],
)
def test_unfit_fragments_are_refused(setting: dict[str, Any], rule: str) -> None:
    with pytest.raises(ScenarioError, match=rule):
        scenario(algorithm={"name": "diloco", "period": 4, **OUTER, **setting})


def test_a_fragment_has_one_number_at_least() -> None:
    with pytest.raises(InputError, match=r"algorithm.fragments = 6: more than the 5 numbers of a vector of 40 bytes"):
        trajectory(only_arm(algorithm={"name": "diloco", "period": 6, "fragments": 6, **OUTER}))
