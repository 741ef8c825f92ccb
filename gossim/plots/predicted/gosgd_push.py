"""The consensus distance of `gosgd_push` on the complete graph: a mean over random orders of events, as there is no
closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import theory
from ...algorithms.gosgd_push import GoSGDPush
from ...cluster.topology import Complete
from ...scenario.arm import Arm
from .base import Formula
from .times import assumed_without_waiting, expected_steps

FOLLOWED_WORKERS, FEWEST_PATHS = 4096, 16
"""In all paths together, so that few workers have many paths: the mean square is then known to about two percent."""

LARGEST = 512
"""Workers: messages until the start is forgotten grow with M, and take about ten seconds for this number."""

SETTLED, LONGEST = 12.0, 16.0
"""In relaxation times of the second moments: what is stationary is the mean from the first to the second.

As x moves but by convex combinations, what noise of that age still does decays at the same order: to e^{-8} or less.
"""


class GoSGDPushFormula(Formula):
    """The prediction for GoSGD by push: a mean over random paths, for steps at independent random instants and messages
    that take no time.
    """

    def unfit(self, arm: Arm) -> str | None:
        assert isinstance(arm.algorithm, GoSGDPush)
        if not isinstance(arm.topology, Complete):
            return "the topology is not 'complete'"
        if arm.workers > LARGEST:
            return f"more than {LARGEST} workers: a mean over random paths would take too long"
        return None if arm.algorithm.push_probability else "nobody pushes"

    def squared(self, arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """Return a mean over paths as long as the run, or as long as it takes to forget the start; after that it is
        stationary.
        """
        assert isinstance(arm.algorithm, GoSGDPush)
        steps, probability = expected_steps(arm, time_s), arm.algorithm.push_probability
        relaxation = relaxation_steps(arm.workers, probability)
        long_since = steps > LONGEST * relaxation
        settled = relaxation * np.linspace(SETTLED, LONGEST, 9) if long_since.any() else np.array([])
        followed = np.union1d(steps[~long_since], settled)
        paths = max(FEWEST_PATHS, FOLLOWED_WORKERS // arm.workers)
        generator = np.random.default_rng(0)
        mean = theory.push_consensus_paths(arm.workers, probability, followed, paths, generator).mean(axis=0)
        found = np.interp(steps, followed, mean)
        if long_since.any():
            found[long_since] = mean[np.isin(followed, settled)].mean()
        return found

    def assumed(self, arm: Arm) -> list[str]:
        return assumed_without_waiting(arm)


def relaxation_steps(workers: int, probability: float) -> float:
    """Return the steps of all workers in which second moments of differences decay by a factor e; 1.3 to 2.8 times (M −
    1)/p.
    """
    lost = 1 - theory.spectral_radius(theory.push_event, workers, probability)
    return 1 / lost if lost > 1e-10 else math.inf  # below is rounding, and no run is as long
