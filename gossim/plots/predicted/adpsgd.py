"""The consensus distance of `adpsgd`: averaging in pairs, on the complete graph or another that does not change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ... import theory
from ...cluster.topology import Complete
from ...scenario.arm import Arm
from .base import Formula
from .graphs import contact, over_seeds
from .times import assumed_without_waiting, expected_steps

LARGEST = 32
"""Workers on another graph than the complete one: the moments of all pairs have M⁴ coefficients."""


class ADPSGDFormula(Formula):
    """The formula for AD-PSGD, for steps at independent random instants and messages that take no time."""

    def unfit(self, arm: Arm) -> str | None:
        if isinstance(arm.topology, Complete):
            return None
        if not arm.topology.is_static:
            return f"the topology '{arm.topology.name}' changes from round to round"
        return f"more than {LARGEST} workers in a graph that is not complete" if arm.workers > LARGEST else None

    def squared(self, arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        steps = expected_steps(arm, time_s)
        if isinstance(arm.topology, Complete):
            return theory.pairwise_consensus_after(arm.workers, 1.0, 1.0, steps)
        return over_seeds(arm, seeds, contact, partial(theory.contact_consensus_after, step_variance=1.0, steps=steps))

    def assumed(self, arm: Arm) -> list[str]:
        return assumed_without_waiting(arm)
