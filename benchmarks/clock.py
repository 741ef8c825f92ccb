"""The clock alone with very many workers, apart from everything that imports torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import simpy

from gossim.experiment import window_size
from gossim.scenario import Arm, Scenario
from gossim.sim.world import World

RATE = 0.1

MANY = 100_000
"""Workers of the largest run of the clock alone."""


def arm_of(problem: dict[str, Any], workers: int, steps: int) -> Arm:
    """GoSGD push with p = 0.02, lognormal times, a probe every 100 steps of a worker."""
    scenario = {
        "until": {"gradient_steps": steps},
        "workers": workers,
        "problem": problem,
        "optimizer": {"learning_rate": RATE},
        "compute": {"time_s": {"distribution": "lognorm", "s": 0.25, "scale": 0.1}},
        "network": {"latency_s": 0.005, "bandwidth_bytes_per_s": 1.25e8},
        "probe": {"every_s": 10.0},
        "device": "cpu",
        "arms": {"gossip": {"algorithm": {"name": "gosgd_push", "push_probability": 0.02}}},
    }
    return Scenario.parse(scenario, "benchmark").arms["gossip"]


def timeouts(env: simpy.Environment) -> Any:
    while True:
        yield env.timeout(0.1)


def _resident() -> int:
    """Bytes of memory that this process has now, as Linux tells them."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def resident_growth(whose: str) -> int:
    """Bytes by which the process has grown when everybody has begun and made two steps."""
    before = _resident()
    if whose == "ours":
        arm = arm_of({"model": {"name": "noise", "dim": 650}}, MANY, 2 * MANY)
        kept: Any = World(arm, 0, 2600, arm.until.gradient_steps, learns=False)
        for _ in kept.windows(*window_size(MANY, kept.message_bytes)):
            """The clock runs."""
    else:
        kept = simpy.Environment()
        for _ in range(MANY):
            kept.process(timeouts(kept))
        for _ in range(3 * MANY):
            kept.step()
    return _resident() - before


if __name__ == "__main__":
    print(resident_growth(sys.argv[1]))
