"""The consensus distance of `dpsgd`: averaging by a symmetric mixing matrix that does not change, in rounds.

All workers are taken to be in the same round. They are where compute times are constant and links alike; where times
are random a worker waits for its neighbours only, and an instant sees workers in different rounds, of which the
formula knows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import theory
from ...algorithms.dpsgd import DPSGD
from ...cluster.durations import Distribution
from ...cluster.topology.spectral import DENSE, spectrum
from ...scenario.arm import Arm
from .base import Formula
from .graphs import mixing, over_seeds
from .times import mean_compute_s, message_s, unlike_links

ROUNDING = 1e-9
"""Of a round: so little before its end an instant is the end."""


class DPSGDFormula(Formula):
    """The formula for D-PSGD, after as many rounds as have ended at each time, with all workers in the same one."""

    def unfit(self, arm: Arm) -> str | None:
        topology = arm.topology
        if topology.is_directed or not topology.is_static:
            name = topology.name
            return f"the mixing matrix of the topology '{name}' is not symmetric, or not the same in each round"
        if arm.workers > DENSE:
            return f"all eigenvalues of the mixing matrix are computed for at most {DENSE} workers"
        return unlike_links(arm)

    def squared(self, arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """Return the mean over a round of the squared distance. Between a step and the arrival of what was sent, the
        step has been taken and the average has not.
        """
        assert isinstance(arm.algorithm, DPSGD)
        step_first = arm.algorithm.order == "adapt_then_combine"
        sent_s = message_s(arm)
        round_s = mean_compute_s(arm) + sent_s if step_first else max(mean_compute_s(arm), sent_s)
        rounds = np.floor(time_s / round_s + ROUNDING)

        def value(matrix: np.ndarray) -> np.ndarray:
            return theory.mixing_consensus_after(spectrum(matrix), 1.0, rounds, step_first)

        not_averaged = (1 - 1 / arm.workers) * sent_s / round_s if step_first else 0.0
        return over_seeds(arm, seeds, mixing, value) + not_averaged

    def assumed(self, arm: Arm) -> list[str]:
        return ["constant times"] * isinstance(arm.compute.time_s, Distribution)
