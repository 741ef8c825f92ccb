"""Which formula applies to which algorithm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...algorithms.adpsgd import ADPSGD
from ...algorithms.dpsgd import DPSGD
from ...algorithms.gosgd_push import GoSGDPush
from ...algorithms.local_sgd import LocalSGD
from . import pairs, periodic, push, rounds

if TYPE_CHECKING:
    from ...algorithms import Algorithm
    from ...scenario.arm import Arm


class Formula(NamedTuple):
    """`unfit`: why it does not apply to an arm of its algorithm, None if it does. `squared`: E‖x_m − x̄‖² where a step
    adds noise of variance 1, at these times, mean over these seeds' graphs. `assumed`: what it takes for granted and
    the arm does not have. `average`: what is drawn, its root."""

    unfit: Callable[[Arm], str | None]
    squared: Callable[[Arm, np.ndarray, Sequence[int]], np.ndarray]
    assumed: Callable[[Arm], list[str]]
    average: str = "r.m.s."


FORMULAS: dict[type[Algorithm], Formula] = {
    GoSGDPush: Formula(push.unfit, push.squared, push.assumed),
    ADPSGD: Formula(pairs.unfit, pairs.squared, pairs.assumed),
    LocalSGD: Formula(periodic.unfit, periodic.squared, periodic.assumed, "r.m.s., mean over time"),
    DPSGD: Formula(rounds.unfit, rounds.squared, rounds.assumed),
}
"""For exactly these classes: one that is derived from them may do something else."""
