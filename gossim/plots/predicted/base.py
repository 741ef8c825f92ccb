"""What a formula for the consensus distance has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ...scenario.arm import Arm


class Formula(ABC):
    """The theoretical E‖x_m − x̄‖² of one algorithm, where a step adds noise of variance 1.

    `average`: what is drawn, the root of the formula.
    """

    average: ClassVar[str] = "r.m.s."

    @abstractmethod
    def unfit(self, arm: Arm) -> str | None:
        """Return why the formula does not apply to an arm of its algorithm, or None if it does."""

    @abstractmethod
    def squared(self, arm: Arm, time_s: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """Compute E‖x_m − x̄‖².

        Args:
            arm: An arm that is not unfit.
            time_s: The instants, in simulated seconds.
            seeds: Where the arm's graph is drawn, the mean is over the graphs of these.

        Returns:
            An array with the shape of `time_s`.
        """

    @abstractmethod
    def assumed(self, arm: Arm) -> list[str]:
        """Return the assumptions of the formula that the arm violates."""
