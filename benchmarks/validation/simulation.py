"""What the clock says of a cluster: totals, waiting times and staleness, as real processes report them."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean, median
from typing import Any

from gossim.scenario.arm import Arm
from gossim.scenario.scenario import Scenario
from gossim.sim.timeline import Interval
from gossim.sim.world import World

KEPT = 10**7
"""Intervals of a timeline: all of them."""


def arm_of(workers: int, algorithm: dict[str, Any], network: dict[str, Any], until_s: float, compute: Any) -> Arm:
    """The one arm of a scenario that runs the clock alone."""
    data = {
        "until": {"time_s": until_s},
        "workers": workers,
        "problem": "none",
        "compute": compute,
        "network": network,
        "probe": {"every_s": until_s},
        "arms": {"arm": {"algorithm": algorithm}},
    }
    return Scenario.parse(data, "validation").arms["arm"]


def ran(arm: Arm, seed: int, timeline: bool) -> World:
    """The world at the end."""
    assert arm.network is not None
    assert arm.network.message_bytes is not None
    limit = KEPT if timeline else 0
    world = World(arm, arm.algorithm, seed, arm.network.message_bytes, timeline_limit=limit, learns=False)
    for _ in world.windows(10**9, 10**9):
        pass
    return world


def in_time(arm: Arm, seed: int) -> dict[str, float]:
    """What an asynchronous algorithm has done by the end; shares of time are of the fast workers and of the last."""
    world = ran(arm, seed, timeline=False)
    end_s, workers = world.clock.now_s, world.workers
    waiting = [worker.activity.waiting_s / end_s for worker in workers]
    steps, seconds = world.staleness()
    found = {
        "steps": float(sum(worker.steps for worker in workers)),
        "slow": float(workers[-1].steps),
        "sent": float(world.network.messages_sent),
        "merged": float(sum(exchange.merged for exchange in world.network.exchanges.values())),
        "stale_s": seconds,
        "stale_steps": steps,
        "wait": mean(waiting[:-1]),
        "wait_slow": waiting[-1],
    }
    if workers[0].alpha is not None:
        carried = world.alpha_in_flight() + world.network.alpha_lost
        found["alpha"] = float(sum(worker.alpha for worker in workers) * world.network.unit + carried)
    return {name: value for name, value in found.items() if value is not None}


def in_rounds(arm: Arm, seed: int, rounds: int) -> dict[str, float]:
    """What the rounds of an algorithm with a collective take: see `data/real_processes.json`.

    Raises:
        RuntimeError: If the arm ends before its last round.
    """
    world = ran(arm, seed, timeline=True)
    lines = [_of_worker(world.timeline.intervals, index) for index in range(arm.workers)]
    lines = [[each for each in line if each.end_s < world.clock.now_s] for line in lines]  # what has ended
    ends = [[after.end_s for _, after in _collectives(line)][:rounds] for line in lines]
    arrivals = [[before.end_s for before, _ in _collectives(line)][:rounds] for line in lines]
    if min(map(len, ends)) < rounds:
        raise RuntimeError(f"{min(map(len, ends))} rounds have ended, not {rounds}")
    total_s = max(end[-1] for end in ends)
    waiting = [1 - sum(_until(i, total_s) for i in line if i.activity == "computing") / total_s for line in lines]
    last_s = [max(map(float, each)) for each in zip(*arrivals, strict=True)]
    over_s = [max(map(float, each)) for each in zip(*ends, strict=True)]
    return {
        "total": total_s,
        "coll": median(over - last for over, last in zip(over_s, last_s, strict=True)),
        "wait": mean(waiting[:-1]),
        "wait_slow": waiting[-1],
    }


def _of_worker(intervals: list[Interval], worker: int) -> list[Interval]:
    return [each for each in intervals if each.worker == worker and each.activity != "message"]


def _collectives(line: list[Interval]) -> list[tuple[Interval, Interval]]:
    """Of each collective the last computing before it, and the collective: all its buckets in one."""
    busy: list[Interval] = []
    for each in line:
        if busy and each.activity == busy[-1].activity == "sending":
            busy[-1] = busy[-1]._replace(end_s=each.end_s)
        elif each.activity != "waiting":
            busy.append(each)
    return [(before, after) for before, after in pairwise(busy) if after.activity == "sending"]


def _until(interval: Interval, end_s: float) -> float:
    return max(0.0, min(interval.end_s, end_s) - interval.start_s)
