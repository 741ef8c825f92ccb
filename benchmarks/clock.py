"""The clock alone beside bare SimPy timeouts, apart from everything that imports torch.

python -m benchmarks.clock clock|simpy      with MANY workers: bytes a worker
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import simpy

from gossim.execute.planes import Nothing, collector_resting
from gossim.scenario.arm import Arm
from gossim.scenario.derived import window_size
from gossim.scenario.scenario import Scenario
from gossim.sim.world import World
from gossim.tables.probe_rows import Observations

RATE = 0.1

MANY = 100_000
"""Workers of the largest run of the clock alone."""

STEP_S = 0.1


def arm_of(problem: dict[str, Any], workers: int, until: dict[str, Any]) -> Arm:
    """GoSGD push with p = 0.02, lognormal times, a probe every 100 steps of a worker."""
    scenario = {
        "until": until,
        "workers": workers,
        "problem": problem,
        "optimizer": {"learning_rate": RATE},
        "compute": {"time_s": {"distribution": "lognorm", "s": 0.25, "scale": STEP_S}},
        "network": {"latency_s": 0.005, "bandwidth_bytes_per_s": 1.25e8, "sharing": "none"},
        "probe": {"every_s": 100 * STEP_S},
        "arms": {"gossip": {"algorithm": {"name": "gosgd_push", "push_probability": 0.02}}},
    }
    return Scenario.parse(scenario, "benchmark").arms["gossip"]


def timing(workers: int, steps: int) -> Arm:
    """About so many steps of each worker, for the clock alone."""
    return arm_of({"model": {"name": "noise", "dim": 650}}, workers, {"time_s": steps * STEP_S})


def clock_alone(arm: Arm) -> int:
    """The timing plane, as without gradients. Returns gradient steps."""
    plane = Nothing().plane(arm, 0, Observations("gossip", 0))
    with plane.tuned():
        world = World(arm, arm.algorithm, 0, 2600, learns=False)
        for window in world.windows(*window_size(arm.workers, 1)):
            plane.run(window)
    return world.gradient_steps


def timeouts(env: simpy.Environment) -> Generator[simpy.Event, Any, None]:
    while True:
        yield env.timeout(STEP_S)


def plain_timeouts(workers: int, events: int) -> int:
    """SimPy alone, as it is by itself: that many timeouts in all."""
    env = simpy.Environment()
    for _ in range(workers):
        env.process(timeouts(env))
    for _ in range(events):
        env.step()
    return events


def bare_timeouts(workers: int, events: int) -> int:
    """The same with Python's collector at rest, as in the simulator."""
    with collector_resting():
        return plain_timeouts(workers, events)


def _resident() -> int:
    """Bytes of memory that this process has now, as Linux tells them."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def resident_growth(whose: str) -> int:
    """Bytes by which the process has grown when everybody has begun and made two steps."""
    clock_alone(timing(10, 2))  # imports
    before = _resident()
    if whose == "clock":
        many = timing(MANY, 2)
        kept: Any = World(many, many.algorithm, 0, 2600, learns=False)
        for window in kept.windows(*window_size(MANY, 1)):
            window.clear()  # as in the simulator
    else:
        kept = simpy.Environment()
        for _ in range(MANY):
            kept.process(timeouts(kept))
        for _ in range(3 * MANY):
            kept.step()
    return _resident() - before


if __name__ == "__main__":
    print(round(resident_growth(sys.argv[1]) / MANY))
