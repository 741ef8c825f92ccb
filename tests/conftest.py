"""Scenarios small enough to be run by the hundred; `trajectory`, the two planes joined by hand, is gossim.testing's."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
import torch
from hypothesis import settings

from gossim.algorithms import ALGORITHMS as REGISTRY
from gossim.algorithms._families import InRounds, WithCollective
from gossim.algorithms.ssp import SSP
from gossim.scenario.arm import Arm
from gossim.scenario.scenario import Scenario
from gossim.sim.world import World
from gossim.testing import trajectory as trajectory

# The same examples on every machine and in every run; another profile looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

CPU = torch.device("cpu")

BASE: dict[str, Any] = {
    "until": {"gradient_steps": 40},
    "workers": 4,
    "problem": {"model": {"name": "quadratic", "dim": 5, "gradient_noise": 0.3}},
    "optimizer": {"learning_rate": 0.05},
    "compute": {"time_s": {"distribution": "lognorm", "s": 0.4, "scale": 0.1}},
    "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5},
    "probe": {"every_s": 0.25},
    "dtype": "float64",
    "device": "cpu",
    "arms": {"arm": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}}},
}

DIGITS = {"name": "digits"}

ALGORITHMS = {
    "sgd": {"name": "sgd"},
    "allreduce": {"name": "allreduce"},
    "gosgd_push": {"name": "gosgd_push", "push_probability": 0.4},
    "local_sgd": {"name": "local_sgd", "period": 3},
    "dpsgd": {"name": "dpsgd"},
    "gossip_pga": {"name": "gossip_pga", "period": 3},
    "sgp": {"name": "sgp"},
    "osgp": {"name": "osgp"},
    "adpsgd": {"name": "adpsgd"},
    "downpour": {"name": "downpour", "gradient_scale": 0.5, "staleness_aware": True},
    "ssp": {"name": "ssp", "staleness": 2, "gradient_scale": 0.3},
    "easgd": {"name": "easgd", "period": 2, "moving_rate": 0.2},
    "gradient_tracking": {"name": "gradient_tracking"},
    "choco": {"name": "choco", "compression": {"name": "top_k", "fraction": 0.5}, "consensus_step": 0.5},
    "diloco": {"name": "diloco", "period": 3, "outer": {"learning_rate": 0.7, "momentum": 0.9, "nesterov": True}},
    "moshpit": {"name": "moshpit", "group_size": 2, "period": 2},
    "epidemic": {"name": "epidemic", "peers": 1},
    "hierarchical": {"name": "hierarchical", "group_size": 2, "push_probability": 0.4},
    "gosgd_pull": {"name": "gosgd_pull", "pull_probability": 0.4},
}
"""Each registered algorithm with parameters under which it communicates; test_registry keeps it complete."""

UNRELIABLE = dict(ALGORITHMS)
"""The same as they must be set where workers fail and messages are lost."""

for _name, _cls in REGISTRY.items():
    if issubclass(_cls, WithCollective):
        UNRELIABLE[_name] = {**ALGORITHMS[_name], "collective": "ring_events", "timeout_s": 0.4}
    elif "timeout_s" in _cls.model_fields:
        UNRELIABLE[_name] = {**ALGORITHMS[_name], "timeout_s": 0.3}


KEPT_ROWS = {
    "adpsgd": 1,  # what it sent
    "easgd": 1,  # the same
    "local_sgd": 1,  # what it brings to the average
    "moshpit": 1,  # the same
    "hierarchical": 1,  # the same
    "gradient_tracking": 2,  # y, the latest gradient
    "choco": 3,  # its public copy, the weighted sum of those it hears, the change that it sends
    "diloco": 3,  # the anchor, the outer velocity, what it brings
}
"""Rows that a worker's process keeps, besides parameters, one gradient and the optimizer's state; 0 if not named."""


def reliable_enough(name: str, cluster: dict[str, Any]) -> dict[str, Any]:
    """`cluster` without those failures that the algorithm says it cannot stand."""
    cls = REGISTRY[name]
    if issubclass(cls, InRounds | SSP) and cluster["workers"] > 1:
        cluster = {**cluster, "network": {**cluster["network"], "resend": True}}
    if name in ("choco", "gradient_tracking"):
        cluster = {**cluster, "faults": []}
    return cluster


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1},
    "sgd with decay": {"learning_rate": 0.1, "weight_decay": 0.01, "schedule": {"name": "step", "over_s": 0.5}},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "nesterov": {
        "learning_rate": 0.1,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "schedule": {"name": "warmup", "over_steps": 4, "then": {"name": "cosine", "over_steps": 12}},
    },
    "adam": {"name": "adam", "learning_rate": 0.05},
    "adam with decay": {"name": "adam", "learning_rate": 0.05, "beta1": 0.8, "weight_decay": 0.02},
    "adamw": {
        "name": "adamw",
        "learning_rate": 0.05,
        "beta2": 0.9,
        "epsilon": 1e-6,
        "weight_decay": 0.1,
        "schedule": {"name": "cosine", "over_s": 2.0, "final_factor": 0.1},
    },
}
"""Every kind of optimizer, and every kind of schedule."""

WEIGHTED = ["gosgd_push", "gosgd_pull", "sgp", "osgp", "hierarchical"]

PROBLEMS: dict[str, dict[str, Any]] = {
    "quadratic": {"model": {"name": "quadratic", "dim": 5, "gradient_noise": 0.3}},
    "noise": {"model": {"name": "noise", "dim": 7}},
    "logistic": {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 5},
    "mlp": {"model": {"name": "mlp", "hidden": [6, 5], "dropout": 0.3}, "data": DIGITS, "batch_size": 5},
    "conv": {"model": {"name": "networks:small_cnn"}, "data": DIGITS, "batch_size": 3},
}


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


@pytest.fixture(params=sorted(ALGORITHMS))
def algorithm(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ALGORITHMS[request.param]


@pytest.fixture(params=WEIGHTED)
def weighted(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ALGORITHMS[request.param]
