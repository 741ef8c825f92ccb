"""How long gradients take, in the mean and among many workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..cluster.durations import Law
from ..cluster.replay import Replay
from ..cluster.selection import Chosen
from ..cluster.stragglers import Bursty, Heterogeneous, Persistent, RandomSlowdown
from ..scenario.arm import Arm

QUANTILES = 64
"""Of a law, from which its mean is taken."""

MOST_GROUPS = 64
"""Kinds of workers that are distinguished."""

EULER = 0.5615
"""e^−γ: the largest of n draws is in the mean near the quantile of 1 − e^−γ/n; for an exponential law exactly so."""


class Group(NamedTuple):
    """A `share` of the workers, which take `factor` times as long as the distribution says."""

    share: float
    factor: float


class Chance(NamedTuple):
    """With this probability a gradient takes `factor` times as long."""

    probability: float
    factor: float


def concerned(rule: Chosen, workers: int) -> float:
    """Return the share of the workers that `rule` concerns."""
    if rule.workers is not None:
        return len(set(rule.workers)) / workers
    return 1.0 if rule.fraction is None else rule.fraction


def mean_s(value: float | Law, at_most: float = math.inf) -> float:
    """Return the mean of a constant or a distribution in seconds. Draws above `at_most` count as that, because no run
    is long enough to see them.
    """
    if not isinstance(value, Law):
        return min(value, at_most)
    return sum(min(value.quantile((place + 0.5) / QUANTILES), at_most) for place in range(QUANTILES)) / QUANTILES


class Paces:
    """The paces of one arm whose run ends after `end_s` at the latest."""

    def __init__(self, arm: Arm, end_s: float = math.inf):
        self.workers, self.end_s = arm.workers, end_s
        own = arm.compute.time_s
        measured = means_s(arm)
        self.law: float | Law = 1.0 if isinstance(own, str | Replay) else own
        self.groups = _near(measured) if measured else [Group(1.0, 1.0)]
        self.chances: list[Chance] = []
        for rule in arm.compute.stragglers:
            share = concerned(rule, arm.workers)
            if isinstance(rule, Persistent):
                self._split(share, [rule.factor])
            elif isinstance(rule, Heterogeneous):
                self._split(share, [rule.factor.quantile(at) for at in (0.1, 0.3, 0.5, 0.7, 0.9)])
            elif isinstance(rule, RandomSlowdown):
                self.chances.append(Chance(share * rule.probability, rule.factor))
            elif isinstance(rule, Bursty):
                slow = rule.mean_length_s / (rule.mean_length_s + rule.mean_between_s)
                self.chances.append(Chance(share * slow, rule.factor))
        self.mean_s = mean_s(self.law, end_s)

    def per_s(self) -> float:
        """Return the gradients per second of a worker that never waits, as a mean over the workers."""
        seconds = [self.mean_s * group.factor * self._lengthened(1) for group in self.groups]
        return sum(group.share / each if each else math.inf for group, each in zip(self.groups, seconds, strict=True))

    def longest_s(self, among: float, spare: int = 0, gradients: int = 1) -> float:
        """Return the slowest worker's time for `gradients` gradients, in seconds, if `spare` are not waited for."""
        longest, left = 0.0, float(spare)
        for group in sorted(self.groups, key=lambda group: -group.factor):
            count = group.share * among
            passed, left = min(count, left), max(0.0, left - count)
            if count < 0.5 or count - passed < 0.5:
                continue
            mean = self.mean_s * group.factor
            last = group.factor * self._law_at(1 - (EULER + passed) / (count + passed))
            # The sum of independent times strays by their root.
            longest = max(longest, gradients * mean + math.sqrt(gradients) * max(0.0, last - mean))
        return longest * self._lengthened(among)

    def _law_at(self, share: float) -> float:
        share = min(max(share, 0.5), 1 - 2.0**-50)
        return min(self.law.quantile(share) if isinstance(self.law, Law) else self.law, self.end_s)

    def _lengthened(self, among: float) -> float:
        """Return the factor by which randomness lengthens the longest of several gradients."""
        factor = 1.0
        for chance in self.chances:
            hit = 1 - (1 - min(chance.probability, 1.0)) ** among
            factor *= 1 + hit * (chance.factor - 1)
        return factor

    def _split(self, share: float, factors: Sequence[float]) -> None:
        """Let that share of the workers take these factors as long, in equal parts."""
        if len(self.groups) * (1 + len(factors)) > MOST_GROUPS:
            factors = [sum(factors) / len(factors)]
        part = share / len(factors)
        split = [(1 - share, 1.0), *((part, factor) for factor in factors)]
        self.groups = [Group(g.share * own, g.factor * factor) for g in self.groups for own, factor in split if own > 0]


def means_s(arm: Arm) -> list[float]:
    """Return the mean time of each worker in a trace or recording, whose distribution then has mean one second."""
    own = arm.compute.time_s
    if isinstance(own, Replay):
        recorded = own.recorded()
        return [float(recorded[worker].mean()) for worker in range(arm.workers)]
    if not isinstance(own, str):
        return []
    assert arm.trace is not None
    devices = arm.trace.devices()[: arm.workers]
    return [device.s_per_sample * (arm.samples_per_gradient(worker) or 1) for worker, device in enumerate(devices)]


def _near(seconds: list[float]) -> list[Group]:
    """Group workers that take about as long."""
    seconds = sorted(seconds)
    size = math.ceil(len(seconds) / MOST_GROUPS)
    parts = [seconds[place : place + size] for place in range(0, len(seconds), size)]
    return [Group(len(part) / len(seconds), sum(part) / len(part)) for part in parts]
