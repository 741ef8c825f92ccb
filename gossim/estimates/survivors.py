"""Workers that are down for good, and how much later a number of steps is reached without them."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..algorithms._families import InRounds, WithCollective, WithServer
from ..cluster.faults import Churn, Crash
from ..cluster.stragglers import Persistent
from ..scenario.arm import Arm
from .paces import concerned, means_s

LOOKED_AT = 10_000
"""Workers, beyond which a fault is taken to hit fast and slow ones alike."""

SEED = 0
"""Of the fractions of workers that are looked at: which they are does not matter for what a run takes."""


GONE = 1e-15
"""A share of the rate that is nothing but rounding."""


class Departure(NamedTuple):
    """From `at_s` on, steps are slower by this share of their first rate."""

    at_s: float
    share: float


def departures(arm: Arm) -> list[Departure]:
    """Return what faults remove for good, in order of time."""
    if arm.workers > LOOKED_AT:
        lasting = [fault for fault in arm.faults if isinstance(fault, Crash) and fault.back_after_s is None]
        found = [Departure(fault.at_s, concerned(fault, arm.workers)) for fault in lasting]
    else:
        found = _of_each(arm)
    return sorted(found)


def reached(count: float, per_s: float, lost: list[Departure], end_s: float) -> tuple[float, float]:
    """Estimate how many of `count` steps are taken, and when the run ends.

    Args:
        count: Steps of all workers together.
        per_s: Steps a second of all workers together, while none is down for good.
        lost: As `departures` gives them.
        end_s: When the run ends at the latest; may be infinite.

    Returns:
        The steps, and the seconds that the run lasts: until the last of them, until `end_s`, or, where neither comes,
        until nobody is left.
    """
    steps, now_s, share = 0.0, 0.0, 1.0
    for at_s, less in [*lost, Departure(math.inf, 0.0)]:
        lasts_s = min(at_s, end_s) - now_s
        if per_s * share * lasts_s >= count - steps:
            return count, now_s + (count - steps) / (per_s * share)
        steps += per_s * share * lasts_s
        if at_s >= end_s:
            return steps, end_s
        now_s, share = at_s, share - less
        if share < GONE:
            break
    return steps, now_s if end_s == math.inf else end_s


def _of_each(arm: Arm) -> list[Departure]:
    ends = {worker: end_s for worker in range(arm.workers) if (end_s := _end_s(arm, worker)) < math.inf}
    if not ends:
        return []
    waits = isinstance(arm.algorithm, InRounds | WithCollective | WithServer)
    speeds = [1.0] * arm.workers if waits else _speeds(arm)
    total = sum(speeds)
    return [Departure(end_s, speeds[worker] / total) for worker, end_s in ends.items()]


def _end_s(arm: Arm, worker: int) -> float:
    """Return when that worker is down for good."""
    found = math.inf
    for number, fault in enumerate(arm.faults):
        if not isinstance(fault, Churn) and fault.concerns(worker, arm.workers, SEED, number):
            outages = fault.outages(SEED, number, worker)
            found = min(found, *(outage.down_s for outage in outages if outage.up_s == math.inf), math.inf)
    return found


def _speeds(arm: Arm) -> list[float]:
    """Return the speed of each worker relative to the others, by lasting causes."""
    speeds = [1 / seconds if seconds else 1.0 for seconds in means_s(arm) or [1.0] * arm.workers]
    for number, rule in enumerate(arm.compute.stragglers):
        if isinstance(rule, Persistent):
            for worker in range(arm.workers):
                if rule.concerns(worker, arm.workers, SEED, number):
                    speeds[worker] /= rule.factor
    return speeds
