"""Optimizers as combinations of rows."""

from __future__ import annotations

from .fields import Fraction01, Frozen, NonNegative
from .program import Program


class OptimizerSettings(Frozen):
    """SGD as `torch.optim.SGD` defines it, without dampening."""

    learning_rate: NonNegative
    momentum: Fraction01 = 0.0
    weight_decay: NonNegative = 0.0


class SGD:
    """v ← μv + g + λx;  x ← x − ηv, with v = 0 at the start; x ← (1 − ηλ)x − ηg where there is no momentum μ.

    The velocity v is a row of its own that belongs to the worker: no communication touches it.
    """

    def __init__(self, settings: OptimizerSettings, program: Program, parameters: int):
        self.settings = settings
        self.program = program
        self.parameters = parameters
        self.velocity: int | None = None
        if settings.momentum:
            self.velocity = program.rows.allocate()
            program.combine(self.velocity, [])

    def restart(self) -> None:
        """Begin anew, without a velocity."""
        if self.velocity is not None:
            self.program.combine(self.velocity, [])

    def take_over(self, other: SGD) -> None:
        """Go on with the velocity of another worker."""
        if self.velocity is not None and other.velocity is not None:
            self.program.combine(self.velocity, [(1.0, other.velocity)])

    def step(self, gradient: int) -> None:
        """Move the parameters row along the gradient row."""
        x, eta, decay = self.parameters, self.settings.learning_rate, self.settings.weight_decay
        if self.velocity is None:
            self.program.combine(x, [(1 - eta * decay, x), (-eta, gradient)])
            return
        v = self.velocity
        decayed = [(decay, x)] if decay else []
        self.program.combine(v, [(self.settings.momentum, v), (1.0, gradient), *decayed])
        self.program.combine(x, [(1.0, x), (-eta, v)])
