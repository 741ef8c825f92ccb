"""One number that was measured or published, and the simulated one."""

from __future__ import annotations

import math
from typing import NamedTuple

TOTAL, WAITING = 0.05, 0.10
"""How far totals may be from what was measured, and waiting times and staleness, as shares of it."""


class Row(NamedTuple):
    """`quantity` of `case`, in a `part` of the validation; `within` is the goal, None where it is only reported.
    `simulated` is None, and `note` says why, where gossim cannot do it yet."""

    part: str
    case: str
    quantity: str
    measured: float
    simulated: float | None
    within: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Simulated over measured; 1 where both are 0."""
        if self.simulated is None:
            return None
        if not self.measured:
            return 1.0 if not self.simulated else math.inf
        return self.simulated / self.measured

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is no goal, or nothing was simulated."""
        ratio = self.ratio
        return None if ratio is None or self.within is None else round(abs(ratio - 1), 9) <= self.within
