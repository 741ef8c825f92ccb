"""SGD: every step is a combination of rows."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ..program import Program
from ..schema.fields import Fraction01
from ..schema.violations import broken_at
from .base import Optimizer, OptimizerSettings, SimulatedClock
from .schedules import Constant


class SGDSettings(OptimizerSettings):
    """Stochastic gradient descent as `torch.optim.SGD`, without dampening; `momentum`: μ."""

    name: Literal["sgd"] = "sgd"
    momentum: Fraction01 = 0.0
    nesterov: bool = False

    @property
    def state_vectors(self) -> int:
        return 1 if self.momentum else 0

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> SGDSettings:
        if self.nesterov and not self.momentum:
            raise broken_at(("nesterov",), True, "must have momentum > 0")
        return self


class SGDOptimizer(Optimizer):
    """x ← x − η(g + λx) without momentum; with it v ← μv + g + λx, v = 0 at the start, and

    x ← x − ηv, or with `nesterov` x ← x − η(g + λx + μv).

    State: v, where there is momentum. Source: Sutskever et al. 2013, and `torch.optim.SGD`.
    """

    settings: SGDSettings

    def __init__(self, settings: SGDSettings, program: Program, parameters: int, clock: SimulatedClock):
        super().__init__(settings, program, parameters, clock)
        if not settings.momentum and isinstance(settings.schedule, Constant):
            self.plain = 1 - settings.learning_rate * settings.weight_decay, settings.learning_rate

    def _move(self, gradient: int, eta: float) -> None:
        x, mu, decay = self.parameters, self.settings.momentum, self.settings.weight_decay
        plain = [(1 - eta * decay, x), (-eta, gradient)]
        if not mu:
            self.program.combine(x, plain)
            return
        (v,) = self.state
        self.program.combine(v, [(mu, v), (1.0, gradient), *([(decay, x)] if decay else [])])
        self.program.combine(x, [*plain, (-eta * mu, v)] if self.settings.nesterov else [(1.0, x), (-eta, v)])
