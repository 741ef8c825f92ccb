"""The consensus distance of `local_sgd`, mean over time.

It sends to nobody but the collective, so that its topology does not matter.

The distance grows during a round and is 0 after it. Where compute times are constant so are rounds, and probes whose
period fits theirs see the same part of each: they need not measure the mean over time, however long the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import theory
from ...algorithms.local_sgd import LocalSGD
from ...cluster.durations import Distribution, continuous_distributions
from ...scenario.arm import Arm
from ...scenario.derived import message_bytes
from .base import Formula
from .times import link, mean_compute_s, unlike_links


class LocalSGDFormula(Formula):
    """The formula for local SGD: a mean over the time of a round, which lasts as long as its slowest worker takes and
    the collective.
    """

    average = "r.m.s., mean over time"

    def unfit(self, arm: Arm) -> str | None:
        own = arm.compute.time_s
        if isinstance(own, Distribution) and (
            own.distribution not in ("expon", "gamma") or own.__pydantic_extra__.get("loc")
        ):
            return f"the law of a sum of '{own.distribution}' times is not known"
        return unlike_links(arm)

    def squared(self, arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        assert isinstance(arm.algorithm, LocalSGD)
        own, period = arm.compute.time_s, arm.algorithm.period
        longest_s = period * mean_compute_s(arm)
        if isinstance(own, Distribution):
            longest_s, _ = theory.maximum_moments(sum_of(own, period), arm.workers)
        collective_s = arm.algorithm.collective.cost(arm.workers, message_bytes(arm), link(arm)).seconds
        mean = theory.local_sgd_consensus(arm.workers, period, 1.0, mean_compute_s(arm), longest_s, collective_s)
        return np.full(len(time_s), mean)

    def assumed(self, arm: Arm) -> list[str]:
        return [] if isinstance(arm.compute.time_s, Distribution) else ["probes out of step with rounds"]


def sum_of(own: Distribution, count: int) -> Any:
    """Return the law of the sum of `count` durations: a gamma law for exponential and gamma times."""
    given = own.__pydantic_extra__
    shape = given["a"] if own.distribution == "gamma" else 1.0
    return continuous_distributions()["gamma"](a=shape * count, scale=given.get("scale", 1.0))
