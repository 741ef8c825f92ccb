"""What an optimizer is: settings, and the rows in which it remembers."""

from __future__ import annotations

from typing import Any, Protocol, Self

from ..program import Program
from ..schema.fields import Frozen, NonNegative, one_or_each
from .schedules import AnySchedule, Constant


class SimulatedClock(Protocol):
    """Something that knows the simulated time, in seconds."""

    @property
    def now_s(self) -> float: ...


RateOrEach: Any = one_or_each(NonNegative)


class OptimizerSettings(Frozen):
    """`learning_rate`: η, or a list with one for each worker, which `schedule` multiplies by a factor at each step.
    `weight_decay`: λ."""

    name: str
    learning_rate: RateOrEach
    schedule: AnySchedule = Constant()
    weight_decay: NonNegative = 0.0

    @property
    def state_vectors(self) -> int:
        """Vectors of the size of the parameters that the optimizer remembers from step to step."""
        return 0

    @property
    def one_rate(self) -> bool:
        """Whether all workers have the same learning rate."""
        return not isinstance(self.learning_rate, tuple) or len(set(self.learning_rate)) == 1

    def of_worker(self, worker: int) -> Self:
        """Return these settings with the learning rate of that worker as a number."""
        if not isinstance(self.learning_rate, tuple):
            return self
        return self.model_copy(update={"learning_rate": self.learning_rate[worker]})


class Optimizer:
    """Moves one row, `parameters`, along gradients.

    Its state, the rows `state` and the number of its `steps`, starts at zero and belongs to the worker: no
    communication touches it.
    """

    plain: tuple[float, float] | None = None
    """(c, η) where every step is x ← cx − ηg with the same numbers, and nothing else; None where it is not."""

    def __init__(self, settings: OptimizerSettings, program: Program, parameters: int, clock: SimulatedClock):
        self.settings = settings
        self.program = program
        self.parameters = parameters
        self.clock = clock
        self.state = [program.rows.allocate() for _ in range(settings.state_vectors)]
        self.scratch: list[int] = []
        self.restart()

    @property
    def rows(self) -> list[int]:
        """All rows that it holds: its state, and `scratch`, whose content is not used after a step."""
        return [*self.state, *self.scratch]

    def step(self, gradient: int, scale: float = 1.0) -> None:
        """Move the parameters along a gradient.

        Args:
            gradient: The row of the gradient.
            scale: Multiplies the learning rate that the schedule gives for the steps so far and the time now.
        """
        factor = self.settings.schedule.at(self.steps, self.clock.now_s)
        self.steps += 1
        self._move(gradient, self.settings.learning_rate * factor * scale)

    def _move(self, gradient: int, eta: float) -> None:
        raise NotImplementedError

    def restart(self) -> None:
        """Set state and steps to what they were at the start, in the same rows."""
        self.steps = 0
        for row in self.state:
            self.program.combine(row, [])

    def take_over(self, other: Optimizer) -> None:
        """Copy the state of another optimizer with the same settings. Parameters are not touched."""
        self.steps = other.steps
        for mine, theirs in zip(self.state, other.state, strict=True):
            self.program.combine(mine, [(1.0, theirs)])
