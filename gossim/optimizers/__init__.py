"""The optimizers, and the schedules of their learning rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..program import Program
from ..schema.chosen import chosen_by
from .adam import AdamOptimizer, AdamSettings, AdamWSettings
from .base import Optimizer, OptimizerSettings, SimulatedClock
from .schedules import SCHEDULES, Schedule
from .sgd import SGDOptimizer, SGDSettings

OPTIMIZERS: dict[str, type[OptimizerSettings]] = {"sgd": SGDSettings, "adam": AdamSettings, "adamw": AdamWSettings}
"""The settings of every optimizer by the name that scenarios use."""

_CLASSES: dict[type[OptimizerSettings], type[Optimizer]] = {
    SGDSettings: SGDOptimizer,
    AdamSettings: AdamOptimizer,
    AdamWSettings: AdamOptimizer,
}


def optimizer_for(settings: OptimizerSettings, program: Program, parameters: int, clock: SimulatedClock) -> Optimizer:
    """Return an optimizer for a row, with fresh rows for its state.

    Args:
        settings: Which optimizer.
        program: Where its operations go.
        parameters: The row that it moves.
        clock: Anything with `now_s`, in simulated seconds, which schedules read.
    """
    return _CLASSES[type(settings)](settings, program, parameters, clock)


def sgd_unless_named(value: Any) -> Any:
    return {"name": "sgd", **value} if isinstance(value, dict) and "name" not in value else value


if TYPE_CHECKING:
    AnyOptimizer = OptimizerSettings
else:
    AnyOptimizer = chosen_by("name", OPTIMIZERS, unnamed="sgd")

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "AnyOptimizer",
    "Optimizer",
    "OptimizerSettings",
    "Schedule",
    "optimizer_for",
    "sgd_unless_named",
]
