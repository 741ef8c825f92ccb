"""Adam and AdamW: the first moment is a combination of rows, the other two equations are not linear."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from ..program import Program
from ..schema.fields import Fraction01, NonNegative, Positive
from .base import Optimizer, OptimizerSettings, SimulatedClock


class SquaredAverage(NamedTuple):
    """f(v, g) = keep · v + add · g², elementwise."""

    keep: float
    add: float


class AdamStep(NamedTuple):
    """f(x, m, v) = keep · x − rate · m / (√v / root + epsilon), elementwise."""

    keep: float
    rate: float
    root: float
    epsilon: float


class MomentSettings(OptimizerSettings):
    """The settings that Adam and AdamW share."""

    beta1: Fraction01 = 0.9
    beta2: Fraction01 = 0.999
    epsilon: Positive = 1e-8

    @property
    def state_vectors(self) -> int:
        return 2


class AdamSettings(MomentSettings):
    """Adam as `torch.optim.Adam`: weight decay adds λx to the gradient."""

    name: Literal["adam"] = "adam"


class AdamWSettings(MomentSettings):
    """Adam as `torch.optim.AdamW`: weight decay, apart from the gradient, shrinks x by 1 − ηλ."""

    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegative = 0.01


class AdamOptimizer(Optimizer):
    """m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  x ← x − η m̂ / (√v̂ + ε), all elementwise,

    with m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) at the t-th step. With weight decay, `adam` uses g + λx in place of g,
    and `adamw` first multiplies x by 1 − ηλ.

    State: m and v. If g + λx is needed it has a row of its own, which keeps nothing from step to step. Source:
    Kingma and Ba, arXiv:1412.6980; decoupled decay: Loshchilov and Hutter, arXiv:1711.05101.
    """

    settings: MomentSettings

    def __init__(self, settings: MomentSettings, program: Program, parameters: int, clock: SimulatedClock):
        super().__init__(settings, program, parameters, clock)
        self.decoupled = isinstance(settings, AdamWSettings)
        if settings.weight_decay > 0 and not self.decoupled:
            self.scratch = [program.rows.allocate()]

    def _move(self, gradient: int, eta: float) -> None:
        program, settings, x = self.program, self.settings, self.parameters
        m, v = self.state
        for row in self.scratch:  # one or none; other workers may read the gradient's own row
            program.combine(row, [(1.0, gradient), (settings.weight_decay, x)])
            gradient = row
        program.combine(m, [(settings.beta1, m), (1 - settings.beta1, gradient)])
        program.apply(v, SquaredAverage(settings.beta2, 1 - settings.beta2), (v, gradient))
        keep = 1 - eta * settings.weight_decay if self.decoupled else 1.0
        rate = eta / (1 - settings.beta1**self.steps)
        root = math.sqrt(1 - settings.beta2**self.steps)
        program.apply(x, AdamStep(keep, rate, root, settings.epsilon), (x, m, v))
