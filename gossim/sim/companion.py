"""A companion of a worker's parameters, into which they flow as time passes, and out of which they flow back."""

from __future__ import annotations

import math

from ..units import PER_SECOND
from .recovery import Recovering


class WithCompanion(Recovering):
    """Has a second row x̃ beside its parameters x, where the algorithm gives it one.

    `companion`: that row. `flowed`: the tick up to which the two have flowed into each other.
    """

    companion: int
    flowed = 0
    _computed_s = 0.0  # by the gradients that it has begun with `compute`
    gradients: int

    @property
    def mean_gradient_s(self) -> float:
        """How long a gradient takes this worker: the mean of those begun so far, in seconds; 0 before the first."""
        return self._computed_s / self.gradients if self.gradients else 0.0

    def accompany(self) -> None:
        """Begin with x̃ = x."""
        self.companion, self.flowed = self.draft(self.row), self.context.clock.now

    def flow(self, rate: float) -> None:
        """Mix x and x̃ for the time since they were last mixed: (x, x̃) ← exp(sη [[−1, 1], [1, −1]]) (x, x̃).

        A coefficient depends on the elapsed time alone, s in units of `mean_gradient_s`: no tensor is read.

        Args:
            rate: η.
        """
        clock, unit_s = self.context.clock, self.mean_gradient_s
        elapsed_s, self.flowed = (clock.now - self.flowed) / PER_SECOND, clock.now
        if not (rate and elapsed_s and unit_s):
            return
        over = -math.expm1(-2 * rate * elapsed_s / unit_s) / 2
        self.move_both(((1 - over, self.row), (over, self.companion)), ((over, self.row), (1 - over, self.companion)))

    def move_both(self, own: tuple[tuple[float, int], ...], companion: tuple[tuple[float, int], ...]) -> None:
        """Set x and x̃ to linear combinations of rows as they were before, `(coefficient, row)` each."""
        moved = self.draft()
        self.combine(moved, *own)
        self.combine(self.companion, *companion)
        self.combine(self.row, (1.0, moved))
        self.drop(moved)
