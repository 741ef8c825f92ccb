"""Of `gosgd_push`, on the complete graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ... import theory
from ...algorithms.gosgd_push import GoSGDPush
from ...sim.topology import Complete
from .times import assumed_without_waiting, expected_steps

if TYPE_CHECKING:
    from ...scenario import Arm

PATHS, PATH_STEPS = 200, 3000
"""Of the mean over orders of events that stands for the expectation."""

assumed = assumed_without_waiting


def unfit(arm: Arm) -> str | None:
    assert isinstance(arm.algorithm, GoSGDPush)
    if not isinstance(arm.topology, Complete):
        return "the topology is not 'complete'"
    return None if arm.algorithm.push_probability else "nobody pushes"


def squared(arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """A mean over paths, and over their later half where the run is longer than they are."""
    assert isinstance(arm.algorithm, GoSGDPush)
    steps = expected_steps(arm, time_s)
    count = min(PATH_STEPS, math.ceil(steps.max()))
    generator = np.random.default_rng(0)
    paths = theory.push_consensus_paths(arm.workers, arm.algorithm.push_probability, count, PATHS, generator)
    mean = paths.mean(axis=0)
    inside = np.interp(steps, np.arange(count + 1), mean)
    return np.where(steps <= count / 2, inside, mean[count // 2 :].mean()) if count == PATH_STEPS else inside
