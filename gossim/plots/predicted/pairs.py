"""Of `adpsgd`: averaging in pairs, on the complete graph or another that does not change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ... import theory
from ...cluster.topology import Complete
from .graphs import contact, over_seeds
from .times import assumed_without_waiting, expected_steps

if TYPE_CHECKING:
    from ...scenario.arm import Arm

LARGEST = 32
"""Workers on another graph than the complete one: the moments of all pairs have M⁴ coefficients."""

assumed = assumed_without_waiting


def unfit(arm: Arm) -> str | None:
    if isinstance(arm.topology, Complete):
        return None
    if not arm.topology.is_static:
        return f"the topology '{arm.topology.name}' changes from round to round"
    return f"more than {LARGEST} workers in a graph that is not complete" if arm.workers > LARGEST else None


def squared(arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    steps = expected_steps(arm, time_s)
    if isinstance(arm.topology, Complete):
        return theory.pairwise_consensus_after(arm.workers, 1.0, 1.0, steps)
    return over_seeds(arm, seeds, contact, partial(theory.contact_consensus_after, step_variance=1.0, steps=steps))
