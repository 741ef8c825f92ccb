"""Scenarios small enough to be run by the hundred."""

from __future__ import annotations

import copy
from typing import Any

import torch

from gossim.scenario.arm import Arm
from gossim.scenario.scenario import Scenario
from gossim.sim.world import World

CPU = torch.device("cpu")


BASE: dict[str, Any] = {
    "until": {"gradient_steps": 40},
    "workers": 4,
    "problem": {"model": {"name": "quadratic", "dim": 5, "gradient_noise": 0.3}},
    "optimizer": {"learning_rate": 0.05},
    "compute": {"time_s": {"distribution": "lognorm", "s": 0.4, "scale": 0.1}},
    "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "none"},
    "probe": {"every_s": 0.25},
    "dtype": "float64",
    "device": "cpu",
    "arms": {"arm": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}}},
}


DIGITS = {"name": "digits"}


def scenario(**sections: Any) -> Scenario:
    """BASE with other sections; `algorithm` is that of its one arm, `arm`."""
    data = copy.deepcopy(BASE)
    if "algorithm" in sections:
        data["arms"] = {"arm": {"algorithm": sections.pop("algorithm")}}
    return Scenario.parse({**data, **sections}, "test")


def only_arm(**sections: Any) -> Arm:
    return scenario(**sections).arms["arm"]


def world_of(arm: Arm, seed: int = 0, message_bytes: int = 800, **more: Any) -> World:
    """The timing plane alone."""
    return World(arm, arm.algorithm, seed, message_bytes, gradient_steps=arm.until.gradient_steps, **more)
