"""The timeline: which weight travels in each message."""

from __future__ import annotations

import math

from gossim.program import Probe
from support.scenarios import only_arm, world_of


def test_the_first_message_of_each_worker_carries_half_of_its_weight() -> None:
    """Four workers with α = 1/4 each: until the first messages arrive, α_m halves each time it sends."""
    slow = {"latency_s": 0.55, "bandwidth_bytes_per_s": None}
    push = {"name": "gosgd_push", "push_probability": 1.0}
    arm = only_arm(algorithm=push, network=slow, compute={"time_s": 0.1}, until={"time_s": 1.0})
    world = world_of(arm, timeline_limit=1000)
    list(world.windows(1000, 10**9))
    for worker in range(arm.workers):
        own = [each for each in world.timeline.intervals if (each.worker, each.activity) == (worker, "message")]
        early = [each.alpha for each in own if each.start_s < 0.45]
        assert early == [1 / 8, 1 / 16, 1 / 32, 1 / 64]


def test_what_is_under_way_at_a_probe_is_part_of_what_is_in_flight() -> None:
    arm = only_arm()
    world = world_of(arm, timeline_limit=10_000)
    probes = [op.facts for ops in world.windows(1000, 10**9) for op in ops if isinstance(op, Probe)]
    messages = [each for each in world.timeline.intervals if each.activity == "message"]
    assert len(messages) > 5
    for facts in probes[1:-1]:
        flying = [m.alpha or math.nan for m in messages if m.start_s <= facts.time_s < m.end_s]
        assert sum(flying) <= facts.alpha_in_flight + 1e-12


def test_without_weights_there_are_none() -> None:
    world = world_of(only_arm(algorithm={"name": "adpsgd"}), timeline_limit=10_000)
    list(world.windows(1000, 10**9))
    assert {each.alpha for each in world.timeline.intervals} == {None}
