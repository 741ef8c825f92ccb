"""How long things take, as far as formulas need it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cluster.collectives import Link
from ...cluster.durations import Distribution, continuous_distributions
from ...scenario.arm import Arm
from ...scenario.derived import message_bytes


def mean_compute_s(arm: Arm) -> float:
    """Return the mean compute time in seconds."""
    own = arm.compute.time_s
    return float(frozen(own).mean()) if isinstance(own, Distribution) else float(own)  # type: ignore[arg-type]


def frozen(own: Distribution) -> Any:
    return continuous_distributions()[own.distribution](**own.__pydantic_extra__)


def expected_steps(arm: Arm, time_s: np.ndarray) -> np.ndarray:
    """Return the expected steps of all workers together if none of them waits."""
    return arm.workers * time_s / mean_compute_s(arm)


def assumed_without_waiting(arm: Arm) -> list[str]:
    """Return violated assumptions of a formula for steps at independent random instants and messages that take no
    time.
    """
    own, network = arm.compute.time_s, arm.network
    exponential = (
        isinstance(own, Distribution) and own.distribution == "expon" and not own.__pydantic_extra__.get("loc")
    )
    free = network is not None and network.latency_s == 0 and network.bandwidth_bytes_per_s is None
    return ["exponential times"] * (not exponential) + ["no latency"] * (not free)


def unlike_links(arm: Arm) -> str | None:
    """Return why messages do not all take the same time, or None if they do."""
    network = arm.network
    if network is None or not isinstance(network.latency_s, float | int):
        return "the network is not uniform"
    even = network.shared == "none" and not network.after_idle_s
    if even and isinstance(network.bandwidth_bytes_per_s, float | int | None):
        return None
    return "the network is not uniform"


def link(arm: Arm) -> Link:
    """Return the link between any two workers, if all links are alike."""
    network = arm.network
    assert network is not None
    bandwidth = network.bandwidth_bytes_per_s
    latency_s = float(network.latency_s) + network.message_overhead_s  # type: ignore[arg-type]
    return Link(latency_s, 1 / (float(bandwidth) * network.efficiency) if bandwidth else 0.0, 0.0)  # type: ignore[arg-type]


def message_s(arm: Arm) -> float:
    """Return how long one parameter vector takes between workers, if all links are alike."""
    return link(arm).latency_s + message_bytes(arm) * link(arm).s_per_byte
