"""What the real processes on this machine do, and the scenario that says the same to gossim."""

from __future__ import annotations

from typing import Any

from gossim.scenario.arm import Arm

from .simulation import arm_of

WORKERS, SEEDS = 4, (0, 1)
SIZE_BYTES = 8_000_000
"""Of a vector: long enough beside what a process takes to wake up."""

UNTIL_S = 10.0
CASES: dict[str, dict[str, Any]] = {
    "push": {"name": "gosgd_push", "push_probability": 0.3},
    "pull": {"name": "gosgd_pull", "pull_probability": 0.3},
    "allreduce": {"name": "allreduce", "collective": "gloo"},
    "local": {"name": "local_sgd", "period": 4, "collective": "gloo"},
}
ROUNDS = {"allreduce": 20, "local": 5}

COMPUTE = {
    "time_s": {"distribution": "lognorm", "s": 0.25, "scale": 0.1},
    "stragglers": [{"workers": [WORKERS - 1], "factor": 3}],
}


def arm_for(name: str, network: dict[str, Any]) -> Arm:
    """The arm of that case on a network."""
    links = {**network, "message_bytes": SIZE_BYTES, "sharing": "fair"}
    return arm_of(WORKERS, CASES[name], links, UNTIL_S if name not in ROUNDS else 4 * UNTIL_S, COMPUTE)
