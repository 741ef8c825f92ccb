"""How long things take: distributions by their scipy name, and the compute time of each worker's gradients."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, model_validator

from ..errors import RunError, nearest
from ..fields import AS_TUPLE, Frozen, Indices, NonNegative, Positive, number_or
from ..rng import Purpose, in_blocks, stream
from ..validation import broken

POSITIVE_INSTEAD = "lognorm, gamma, expon, weibull_min or truncnorm"


@cache
def continuous_distributions() -> dict[str, Any]:
    """The continuous distributions of `scipy.stats`, by name."""
    import scipy.stats

    return {name: value for name, value in vars(scipy.stats).items() if isinstance(value, scipy.stats.rv_continuous)}


class Distribution(Frozen):
    """Any continuous distribution of `scipy.stats` on the non-negative numbers, in seconds.

    `{distribution: lognorm, s: 0.25, scale: 0.1}`: scipy's name, its shape parameters, and `loc` and `scale`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    distribution: str

    @model_validator(mode="after")
    def _is_a_delay(self) -> Distribution:
        known = continuous_distributions()
        if self.distribution not in known:
            raise broken(f"unknown distribution '{self.distribution}'{nearest(self.distribution, known)}")
        family, given = known[self.distribution], self.__pydantic_extra__
        shapes = [shape.strip() for shape in (family.shapes or "").split(",") if shape.strip()]
        for parameter in given:
            if parameter not in (*shapes, "loc", "scale"):
                hint = nearest(parameter, [*shapes, "loc", "scale"])
                raise broken(f"{self.distribution} has no parameter '{parameter}'{hint}")
        missing = [shape for shape in shapes if shape not in given]
        if missing:
            raise broken(f"{self.distribution} needs {' and '.join(missing)}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                low, _ = family.support(**given)
        except (Warning, ValueError) as error:
            raise broken(f"scipy refuses these parameters of {self.distribution}: {error}") from None
        if math.isnan(low) or given.get("scale", 1.0) <= 0:
            raise broken(f"scipy refuses these parameters of {self.distribution}")
        if low < 0:
            reach = "-infinity" if math.isinf(low) else f"{low:g}"
            advice = f"use {POSITIVE_INSTEAD}, or shift it with loc"
            raise broken(f"{self.distribution} reaches down to {reach}, and a time cannot be negative; {advice}")
        return self

    def draws(self, seed: int, purpose: Purpose, *index: int) -> Iterator[float]:
        """Endless draws in seconds from the stream of that name.

        Raises RunError where the distribution yields a number that is no duration: heavy tails overflow, and times
        of 0, for ever, would let the clock stand still.
        """
        law, generator = continuous_distributions()[self.distribution], stream(seed, purpose, *index)
        parameters = self.__pydantic_extra__
        for seconds in in_blocks(lambda count: law.rvs(**parameters, size=count, random_state=generator)):
            if not 0 < seconds < math.inf:
                raise RunError(f"{self.distribution} drew {seconds}, which is not a duration in seconds")
            yield seconds


if TYPE_CHECKING:
    Delay = float | Distribution
    PositiveDelay = float | Distribution
else:
    Delay = number_or(NonNegative, Distribution)
    PositiveDelay = number_or(Positive, Distribution)


class Straggler(Frozen):
    """Chosen workers whose every gradient takes `factor` times as long."""

    workers: Indices
    factor: Positive


class ComputeSettings(Frozen):
    """`time_s`: seconds that one gradient takes, a constant or a distribution; `stragglers`: factors on top of it."""

    time_s: PositiveDelay
    stragglers: Annotated[tuple[Straggler, ...], AS_TUPLE] = ()

    def times_s(self, seed: int, worker: int) -> Iterator[float]:
        """Endless compute times of `worker`'s gradients; the k-th is the same under every algorithm."""
        factor = math.prod(s.factor for s in self.stragglers if worker in s.workers)
        if not isinstance(self.time_s, Distribution):
            return itertools.repeat(self.time_s * factor)
        return (seconds * factor for seconds in self.time_s.draws(seed, Purpose.COMPUTE, worker))
