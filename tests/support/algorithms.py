"""Parameters for each algorithm, and what each can stand."""

from __future__ import annotations

from typing import Any

from gossim.algorithms import ALGORITHMS as REGISTRY
from gossim.algorithms._families import BiasCorrected, InRounds, WithCollective
from gossim.algorithms.ssp import SSP

ALGORITHMS: dict[str, dict[str, Any]] = {
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
    "d2": {"name": "d2"},
    "exact_diffusion": {"name": "exact_diffusion"},
    "extra": {"name": "extra"},
    "qg_dsgdm": {"name": "qg_dsgdm", "beta": 0.6},
    "decentlam": {"name": "decentlam", "beta": 0.4},
    "gossipgrad": {"name": "gossipgrad"},
    "acid": {"name": "acid"},
    "slowmo": {"name": "slowmo", "period": 3, "slow_momentum": 0.5},
    "noloco": {"name": "noloco", "period": 2},
    "fedbuff": {"name": "fedbuff", "local_steps": 2, "buffer": 3},
    "fedasync": {"name": "fedasync", "local_steps": 2},
    "async_local_sgd": {
        "name": "async_local_sgd",
        "local_steps": 2,
        "delay": 2,
        "server_rate": 0.3,
        "server_momentum": 0.4,
        "spread": 0.1,
    },
    "ringmaster": {"name": "ringmaster", "delay_bound": 3, "gradient_scale": 0.5},
    "rennala": {"name": "rennala", "batch_gradients": 3, "stop": True},
    "hop": {"name": "hop", "backup": 1, "gap": 2},
    "prague": {"name": "prague", "group_size": 2, "period": 2, "lead": 2},
    "eager_sgd": {"name": "eager_sgd"},
    "decoupled_diloco": {
        "name": "decoupled_diloco",
        "period": 2,
        "quorum": 1,
        "grace_s": 0.05,
        "fragments": 2,
        "mix": 0.5,
    },
}
"""Each registered algorithm with parameters under which it communicates; test_registry keeps it complete."""

STREAMING = {**ALGORITHMS["diloco"], "period": 4, "fragments": 2, "overlap_steps": 1, "mix": 0.5}
"""DiLoCo in fragments."""


UNRELIABLE = dict(ALGORITHMS)
"""The same as they must be set where workers fail and messages are lost."""


for _name, _cls in REGISTRY.items():
    if issubclass(_cls, WithCollective):
        _timeout = {} if _cls.all_up else {"timeout_s": 0.4}
        UNRELIABLE[_name] = {**ALGORITHMS[_name], "collective": "ring_events", **_timeout}
    elif "timeout_s" in _cls.model_fields:
        UNRELIABLE[_name] = {**ALGORITHMS[_name], "timeout_s": 0.3}

KEPT_ROWS = {
    "adpsgd": 1,  # what it sent
    "acid": 3,  # x̃, what it sent, and x before a step
    "easgd": 1,  # the same
    "local_sgd": 1,  # what it brings to the average
    "moshpit": 1,  # the same
    "hierarchical": 1,  # the same
    "gradient_tracking": 2,  # y, the latest gradient
    "choco": 3,  # its public copy, the weighted sum of those it hears, the change that it sends
    "d2": 2,  # where its last step led, and what it corrects by
    "exact_diffusion": 2,  # the same
    "extra": 3,  # what it corrects by, its own x and the mean of the neighbours'
    "qg_dsgdm": 2,  # the velocity, x before the round
    "decentlam": 2,  # the same
    "rennala": 1,  # the sum of a batch
    "slowmo": 3,  # the anchor, the velocity, what it brings
    "noloco": 3,  # the same
    "fedbuff": 1,  # where it began, and the server's buffer
    "fedasync": 1,  # where it began
    "async_local_sgd": 2,  # where it began; the server's sum and momentum
    "prague": 1,  # what it brings to the average
    "eager_sgd": 1,  # the mean of a round, or its own gradient that waits for one
    "decoupled_diloco": 6,  # the anchors, a change that it sends; the syncer's two velocities, and changes that wait
    "diloco": 3,  # the anchor, the outer velocity, what it brings
}
"""Rows that a worker's process keeps, besides parameters, one gradient and the optimizer's state; 0 if not named."""


PLAIN_ALONE: dict[str, dict[str, Any]] = {
    "diloco": {"outer": {"learning_rate": 1.0}},
    "qg_dsgdm": {"beta": 0.0},
    "decentlam": {"beta": 0.0},
    "slowmo": {"slow_momentum": 0.0},
    "noloco": {"outer_momentum": 0.0, "outer_rate": 1.0},
    "rennala": {"batch_gradients": 1},
}
"""What to set of those with a momentum or a batch of their own, so that a single worker does what plain SGD does."""


def on_a_ring(name: str) -> dict[str, Any]:
    """A ring on which the algorithm runs, whatever the number of workers."""
    return {"name": "ring", "mixing": "lazy" if name == "d2" else "metropolis_hastings"}


WEIGHTED = ["gosgd_push", "gosgd_pull", "sgp", "osgp", "hierarchical"]


def reliable_enough(name: str, cluster: dict[str, Any]) -> dict[str, Any]:
    """`cluster` without those failures that the algorithm says it cannot stand."""
    cls = REGISTRY[name]
    if issubclass(cls, InRounds | SSP) and cluster["workers"] > 1:
        cluster = {**cluster, "network": {**cluster["network"], "resend": True}}
    if name in ("choco", "gradient_tracking", "eager_sgd") or issubclass(cls, BiasCorrected):
        cluster = {**cluster, "faults": []}
    return cluster
