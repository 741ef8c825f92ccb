"""Learning-rate schedules: pure functions of a worker's steps and of the simulated time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from ..schema.chosen import chosen_by
from ..schema.fields import Count, Frozen, Lasting, Probability
from ..schema.violations import broken, broken_at
from ..units import ticks


class Schedule(Frozen):
    """The factor f by which the learning rate is multiplied. By default f = 1."""

    name: str

    def at(self, steps: int, now_s: float) -> float:
        """Return f for a step.

        Args:
            steps: How many steps this worker has taken before.
            now_s: The simulated time, in seconds.
        """
        raise NotImplementedError


class Constant(Schedule):
    """f = 1."""

    name: Literal["constant"] = "constant"

    def at(self, steps: int, now_s: float) -> float:
        return 1.0


class Paced(Schedule):
    """A schedule of t/T.

    Either t counts the worker's own steps and T is `over_steps`, or t is the simulated time and T is `over_s`, in
    seconds.
    """

    over_steps: Count | None = None
    over_s: Lasting | None = None

    @model_validator(mode="after")
    def _one_pace(self) -> Paced:
        if (self.over_steps is None) == (self.over_s is None):
            raise broken("must have exactly one of over_steps, over_s")
        return self

    def passed(self, steps: int, now_s: float) -> float:
        """Return t/T."""
        if self.over_steps is not None:
            return steps / self.over_steps
        assert self.over_s is not None
        return ticks(now_s) / ticks(self.over_s)  # as the clock counts: 0.3 s are three times 0.1 s


class Cosine(Paced):
    """f = f_T + (1 − f_T)(1 + cos(π t/T))/2 until t = T, then f = f_T, with f_T = `final_factor`.

    Source: Loshchilov and Hutter, arXiv:1608.03983, without restarts; `torch.optim.lr_scheduler.CosineAnnealingLR`.
    """

    name: Literal["cosine"] = "cosine"
    final_factor: Probability = 0.0

    def at(self, steps: int, now_s: float) -> float:
        done = min(1.0, self.passed(steps, now_s))
        return self.final_factor + (1 - self.final_factor) * (1 + math.cos(math.pi * done)) / 2


class Step(Paced):
    """f = γ^⌊t/T⌋ with γ = `factor`: one step down every T, as in `torch.optim.lr_scheduler.StepLR`."""

    name: Literal["step"] = "step"
    factor: Probability = 0.1

    def at(self, steps: int, now_s: float) -> float:
        return self.factor ** math.floor(self.passed(steps, now_s))


_AFTER_WARMUP: dict[str, type[Schedule]] = {"constant": Constant, "cosine": Cosine, "step": Step}


if TYPE_CHECKING:
    AfterWarmup = Schedule
else:
    AfterWarmup = chosen_by("name", _AFTER_WARMUP)


class Warmup(Paced):
    """f = f_0 + (1 − f_0) t/T until t = T, with f_0 = `start_factor`; then the schedule `then` at t − T.

    `then` may be any other schedule. If it is paced, its pace has the same unit, steps or seconds. Source: Goyal et
    al., arXiv:1706.02677, section 2.2; `torch.optim.lr_scheduler.LinearLR`.
    """

    name: Literal["warmup"] = "warmup"
    start_factor: Probability = 0.0
    then: AfterWarmup = Constant()

    @model_validator(mode="after")
    def _one_pace_throughout(self) -> Warmup:
        if isinstance(self.then, Paced) and (self.over_s is None) != (self.then.over_s is None):
            pace = "over_steps" if self.over_s is None else "over_s"
            then = self.then.model_dump(mode="json", exclude_none=True)
            raise broken_at(("then",), then, f"must have {pace}, as the warm-up has")
        return self

    def at(self, steps: int, now_s: float) -> float:
        passed = self.passed(steps, now_s)
        if passed < 1:
            return self.start_factor + (1 - self.start_factor) * passed
        return self.then.at(steps - (self.over_steps or 0), max(0.0, now_s - (self.over_s or 0.0)))


SCHEDULES: dict[str, type[Schedule]] = {**_AFTER_WARMUP, "warmup": Warmup}

if TYPE_CHECKING:
    AnySchedule = Schedule
else:
    AnySchedule = chosen_by("name", SCHEDULES)
