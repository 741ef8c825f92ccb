"""Averages that begin during the gradient, in buckets; and collectives without a barrier in front: by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gossim.cluster.buckets import Overlap
from gossim.errors import InputError, ScenarioError
from gossim.sim.world import World
from gossim.testing import check_executors, trajectory
from support.ledger import ledger
from support.scenarios import only_arm, scenario, world_of

NETWORK = {"latency_s": 0.0, "bandwidth_bytes_per_s": 1e3, "sharing": "fair", "message_bytes": 400}
"""A ring among 4 takes 2 · 3/4 · 400 bytes at 1,000 a second, 0.6 s; and 1.5 ms for each byte of a bucket."""


def run(algorithm: dict[str, Any], rounds: int = 1, stragglers: Any = (), workers: int = 4, **network: Any) -> World:
    arm = only_arm(
        algorithm={"name": "allreduce", **algorithm},
        workers=workers,
        compute={"time_s": 1.0, "stragglers": list(stragglers)},
        until={"gradient_steps": rounds * workers},
        network=NETWORK | network,
        probe={"every_s": 1e6},
        problem="none",
        optimizer=None,
    )
    world = world_of(arm, message_bytes=400, learns=False, timeline_limit=10**4)
    list(world.windows(10**6, 10**9))
    return world


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize(
    ("buckets", "share", "seconds"),
    [
        (None, 0.5, 1.6),
        (1, 0.5, 1.6),
        # 0.15 s each, there at 0.625, 0.75, 0.875 and 1: one after the other from 0.625 s on.
        (4, 0.5, 0.625 + 4 * 0.15),
        # 150, 150 and 100 bytes: there at 0.6875, 0.875 and 1; the network never rests.
        (150.0, 0.5, 0.6875 + 0.6),
        (1e9, 0.5, 1.6),
        # There at 0.25, 0.5, 0.75 and 1: all but the last are through before the next is there.
        (4, 1.0, 1.0 + 0.15),
        # 0.3 s each, there at 0.95 and 1.
        (2, 0.1, 0.95 + 0.6),
    ],
)
def test_only_what_is_exposed_counts(buckets: float | None, share: float, seconds: float, events: bool) -> None:
    plan = {} if buckets is None else {"buckets": buckets, "backward_share": share}
    world = run({**plan, "collective": {"name": "ring", "events": events}})
    assert world.clock.now_s == pytest.approx(seconds)
    assert world.network.bytes_sent == 2 * 3 * 400
    assert world.network.bytes_carried == pytest.approx(2 * 3 * 400)
    three = run({**plan, "collective": {"name": "ring", "events": events}}, rounds=3)
    assert three.clock.now_s == pytest.approx(3 * seconds)


def test_a_bucket_waits_until_all_have_it() -> None:
    """Worker 3 takes 2 s: its buckets are there at 1.25, 1.5, 1.75 and 2 s, and each takes 0.15."""
    world = run({"buckets": 4, "backward_share": 0.5}, stragglers=[{"workers": [3], "factor": 2}])
    assert world.clock.now_s == pytest.approx(2.15)
    own = [i for i in world.timeline.intervals if i.worker == 3]
    under_way = [(i.start_s, i.end_s, i.size_bytes, i.receiver) for i in own if i.activity == "message"]
    assert under_way == [(1.25, 1.4, 100, None), (1.5, 1.65, 100, None), (1.75, 1.9, 100, None)]
    assert [(i.activity, i.start_s, i.end_s) for i in own if i.activity != "message"] == [
        ("computing", 0.0, 2.0),
        ("sending", 2.0, 2.15),
    ]
    # The others have computed, and are in a collective three times before the slow one comes.
    other = [(i.activity, i.start_s, i.end_s) for i in world.timeline.intervals if i.worker == 0]
    assert other[:4] == [("computing", 0, 1), ("waiting", 1, 1.25), ("sending", 1.25, 1.4), ("waiting", 1.4, 1.5)]
    assert world.workers[0].activity.spent_s("sending") == pytest.approx(0.6)


def test_a_bucket_that_is_under_way_when_a_gradient_ends_is_split_there() -> None:
    """Buckets of 0.3 s, there at 0.75 and 1: the first goes on for 0.05 s after the gradient."""
    world = run({"buckets": 2, "backward_share": 0.5})
    own = [(i.activity, i.start_s, i.end_s) for i in world.timeline.intervals if i.worker == 1]
    assert own == [("message", 0.75, 1.0), ("computing", 0, 1), ("sending", 1, 1.05), ("sending", 1.05, 1.35)]


@pytest.mark.parametrize("algorithm", [{"name": "local_sgd"}, {"name": "diloco", "outer": {"learning_rate": 0.7}}])
def test_an_average_of_parameters_overlaps_the_last_local_step(algorithm: dict[str, Any]) -> None:
    """Three steps of 1 s, during the last of which four buckets are there at 2.625 … 3 s."""
    for buckets, seconds in ((None, 3.6), (4, 2.625 + 0.6)):
        world = run({**algorithm, "period": 3, "buckets": buckets, "backward_share": 0.5}, rounds=3 * 2 + 1)
        assert world.clock.now_s == pytest.approx(2 * seconds + 1)


@pytest.mark.parametrize("barrier", [True, False])
@pytest.mark.parametrize(
    "algorithm",
    [
        {"name": "allreduce"},
        {"name": "local_sgd", "period": 3},
        {"name": "diloco", "period": 3, "outer": {"learning_rate": 0.7, "momentum": 0.9}},
    ],
)
def test_overlap_and_barrier_change_time_alone(algorithm: dict[str, Any], barrier: bool) -> None:
    """The parameters are those of the plain algorithm, bit by bit; the executors agree, and the clock alone as well."""
    ring = {"name": "ring", "events": True, "barrier": barrier}
    sections: dict[str, Any] = {
        "network": {"latency_s": 0.001, "bandwidth_bytes_per_s": 1e4, "sharing": "fair"},
        "until": {"gradient_steps": 60},
        "probe": {"every_s": 1e6},
    }
    arm = only_arm(algorithm={**algorithm, "collective": ring, "buckets": 3}, **sections)
    plain, rows = trajectory(only_arm(algorithm=algorithm, **sections))[::2]
    world, _, same = trajectory(arm)
    assert world.gradient_steps == plain.gradient_steps
    if barrier or algorithm["name"] == "allreduce":  # without, some are steps ahead when the run ends
        assert torch.equal(rows[-1], same[-1])
    assert world.clock.now_s < plain.clock.now_s
    check_executors(arm)
    assert ledger(arm, 0, True, 50) == ledger(arm, 0, False, 50)


def test_without_a_barrier_those_that_are_early_pass_on_what_they_can() -> None:
    """Two workers, done after 1 and 2 s; chunks of 200 bytes, 0.2 s each, and a latency of 0.1 s.

    Worker 1 finds the chunk of worker 0 when it comes at 2 s, and its own are out at 2.2 and 2.4, there at 2.3 and 2.5.
    Worker 0 passes on at 2.3 what is there at 2.6. With the barrier both are done at 2 + 2 · 0.3 s.
    """
    slow = [{"workers": [1], "factor": 2}]
    for barrier, ends in ((True, [2.6, 2.6]), (False, [2.5, 2.6])):
        ring = {"name": "ring", "events": True, "barrier": barrier}
        world = run({"collective": ring}, 3, slow, 2, latency_s=0.1)
        computing = [
            [i.start_s for i in world.timeline.intervals if i.worker == m and i.activity == "computing"] for m in (0, 1)
        ]
        assert [starts[1] for starts in computing] == pytest.approx(ends)
        sent = [i for i in world.timeline.intervals if i.worker == 0 and i.activity in ("sending", "waiting")]
        assert {i.activity for i in sent} == ({"waiting", "sending"} if barrier else {"sending"})


def test_buckets_without_a_barrier_go_one_after_the_other_at_each_worker() -> None:
    """Two workers, two buckets of 200 bytes: chunks of 0.1 s. Worker 0 has them at 0.75 and 1 s, worker 1 at 1.5 and 2:
    from 1.5 s on two chunks of the first, from 2 s on of the second."""
    ring = {"name": "ring", "events": True, "barrier": False}
    slow = [{"workers": [1], "factor": 2}]
    world = run({"collective": ring, "buckets": 2, "backward_share": 0.5}, 1, slow, 2)
    assert world.clock.now_s == pytest.approx(2.2)


@pytest.mark.parametrize("name", ["tree", "recursive_doubling", "rabenseifner", "hierarchical", "parameter_server"])
def test_every_collective_runs_without_a_barrier(name: str) -> None:
    made = {"name": name, "events": True, "barrier": False, **({"group_size": 2} if name == "hierarchical" else {})}
    for algorithm in ({"name": "allreduce"}, {"name": "hierarchical", "group_size": 2, "push_probability": 0.5}):
        arm = only_arm(algorithm={**algorithm, "collective": made})
        check_executors(arm)
        with_barrier = only_arm(algorithm={**algorithm, "collective": made | {"barrier": True}})
        ends = [world_of(each) for each in (arm, with_barrier)]
        for world in ends:
            list(world.windows(100, 100))
        assert ends[0].clock.now_s <= ends[1].clock.now_s or algorithm["name"] == "hierarchical"


def test_buckets_are_cut_as_they_say() -> None:
    assert Overlap(3, 0.6).parts(10) == [(3, pytest.approx(0.58)), (3, pytest.approx(0.76)), (4, pytest.approx(1.0))]
    assert Overlap(4.0, 1.0).parts(10) == [(4, pytest.approx(0.4)), (4, pytest.approx(0.8)), (2, pytest.approx(1.0))]
    assert [part.size_bytes for part in Overlap(25e6, 0.67).parts(102_000_000)] == [25_000_000] * 4 + [2_000_000]
    with pytest.raises(InputError, match="algorithm.buckets = 11: 11 buckets of 10 bytes are more than 10"):
        Overlap(11, 0.5).parts(10)


@pytest.mark.parametrize(
    ("algorithm", "sections", "message"),
    [
        ({"buckets": 25_000_000}, {}, "buckets = 25000000: must be a whole number from 1 to 10,000, of buckets, or"),
        ({"buckets": 0.0}, {}, "buckets = 0.0: must be a whole number from 1"),
        ({"buckets": 4, "backward_share": 0.0}, {}, "backward_share = 0.0: must be in \\(0, 1\\]"),
        ({"buckets": 4, "backup": 1}, {}, "buckets = 4: begins before it is known who comes"),
        ({"buckets": 4, "timeout_s": 1.0}, {}, "buckets = 4: begins before it is known who comes"),
        (
            {"buckets": 4},
            {"faults": [{"name": "crash", "workers": [1], "at_s": 1.0}]},
            "buckets = 4",
        ),
        (
            {"collective": {"name": "ring", "events": True, "barrier": False}, "backup": 1},
            {},
            "barrier = false: begins",
        ),
    ],
)
def test_what_cannot_overlap_is_refused(algorithm: dict[str, Any], sections: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario(algorithm={"name": "allreduce", **algorithm}, **sections)


@pytest.mark.parametrize(
    ("threads", "ends_s"),
    [
        (1, 0.5 + 4 * 1.2),
        (2, 3.4),  # 0.5 to 1.7 and 1 to 2.2; the third from 1.7, when the first is done, to 2.9; the fourth from 2.2
        (4, 2 + 1.2),
    ],
)
def test_gloo_has_several_buckets_under_way_at_once(threads: int, ends_s: float) -> None:
    """Four workers, no bandwidth to speak of and 100 ms: 6 · 2 · 0.1 s an all-reduce. Buckets are there at 0.5, 1, 1.5
    and 2 s."""
    plan = {"collective": {"name": "gloo", "threads": threads}, "buckets": 4, "backward_share": 1.0}
    slow = [{"workers": [0, 1, 2, 3], "factor": 2}]
    assert run(plan, 1, slow, latency_s=0.1, bandwidth_bytes_per_s=1e12).clock.now_s == pytest.approx(ends_s)


def test_buckets_that_are_under_way_at_once_share_the_bandwidth() -> None:
    """200 bytes take 6 · 50 ms: 0.75 to 1.05 s; the second is there at 1 s, and takes twice as long."""
    assert run({"collective": "gloo", "buckets": 2, "backward_share": 0.5}).clock.now_s == pytest.approx(1.6)
