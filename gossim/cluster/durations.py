"""How long things take: constants and probability laws of durations."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, ConfigDict, model_validator

from ..errors import InputError, RunError, nearest
from ..files import trust
from ..files.column_units import (
    GRADIENTS,
    UNITS,
    refusal,
    says_nothing,
    stated,
    unit_of,
)
from ..files.csv_columns import POSITIVE, read_numbers, remembered
from ..rng import Purpose, in_blocks
from ..schema.chosen import chosen_by
from ..schema.fields import Frozen, PositiveQuantity, Quantity
from ..schema.violations import broken, broken_at

POSITIVE_INSTEAD = "lognorm, gamma, expon, weibull_min or truncnorm"


class Law(Frozen):
    """A probability distribution of durations in seconds."""

    distribution: str

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Draw `count` durations, in seconds, as one array."""
        raise NotImplementedError

    def quantile(self, share: float) -> float:
        """Return the duration in seconds that a `share` of the draws, in (0, 1), is below."""
        raise NotImplementedError

    def draws(self, seed: int, purpose: Purpose, *index: int) -> Iterator[float]:
        """Yield endless draws in seconds from the stream of that name.

        Raises RunError where the law yields a number that is no duration: heavy tails overflow, and times of 0, for
        ever, would let the clock stand still.
        """
        for seconds in in_blocks(self.draw, seed, purpose, *index):
            yield self.duration(seconds)

    def duration(self, seconds: float) -> float:
        """Return `seconds` if a distribution may draw that. Raises RunError."""
        if not 0 < seconds < math.inf:
            raise RunError(f"{self.distribution} drew {seconds}, which is not a duration in seconds")
        return seconds


@cache
def continuous_distributions() -> dict[str, Any]:
    """Return the continuous distributions of `scipy.stats`, by name."""
    import scipy.stats

    return {name: value for name, value in vars(scipy.stats).items() if isinstance(value, scipy.stats.rv_continuous)}


SIMPLE_SHAPES: dict[str, tuple[str, ...]] = {
    "beta": ("a", "b"),
    "expon": (),
    "fisk": ("c",),
    "gamma": ("a",),
    "halfnorm": (),
    "invgamma": ("a",),
    "invgauss": ("mu",),
    "lognorm": ("s",),
    "lomax": ("c",),
    "pareto": ("b",),
    "rayleigh": (),
    "uniform": (),
    "weibull_min": ("c",),
}
"""Laws on non-negative numbers that scipy takes whenever all of their shape parameters, in its order, are positive."""

_NORMAL = NormalDist()

SIMPLE_QUANTILES: dict[str, Callable[..., float]] = {
    "expon": lambda p: -math.log1p(-p),
    "fisk": lambda p, c: (p / (1 - p)) ** (1 / c),
    "halfnorm": lambda p: _NORMAL.inv_cdf((1 + p) / 2),
    "lognorm": lambda p, s: math.exp(s * _NORMAL.inv_cdf(p)),
    "lomax": lambda p, c: (1 - p) ** (-1 / c) - 1,
    "pareto": lambda p, b: (1 - p) ** (-1 / b),
    "rayleigh": lambda p: math.sqrt(-2 * math.log1p(-p)),
    "uniform": lambda p: p,
    "weibull_min": lambda p, c: (-math.log1p(-p)) ** (1 / c),
}
"""The quantiles of some of these, of scale 1, for what is estimated before scipy is needed."""

SIMPLE_DRAWS: dict[str, Callable[..., np.ndarray]] = {
    "expon": lambda generator, count: generator.standard_exponential(count),
    "gamma": lambda generator, count, a: generator.standard_gamma(a, count),
    "halfnorm": lambda generator, count: np.abs(generator.standard_normal(count)),
    "lognorm": lambda generator, count, s: np.exp(s * generator.standard_normal(count)),
    "uniform": lambda generator, count: generator.uniform(0.0, 1.0, count),
}
"""What scipy draws of some of them, of scale 1, number by number, without importing it."""

LARGE = 1e100
"""From here on a law's end may overflow, and scipy is asked."""


def surely_valid(name: str, given: Mapping[str, float]) -> bool:
    """Return whether these are obviously valid parameters, without importing scipy, which takes half a second."""
    shapes = SIMPLE_SHAPES.get(name)
    if shapes is None or not set(shapes) <= set(given) <= {*shapes, "loc", "scale"}:
        return False
    positive = [*(given[shape] for shape in shapes), given.get("scale", 1.0)]
    return all(0 < value < LARGE for value in positive) and 0 <= given.get("loc", 0.0) < LARGE


class Distribution(Law):
    """Any continuous distribution of `scipy.stats` on the non-negative numbers, in seconds.

    `{distribution: lognorm, s: 0.25, scale: 0.1}`: scipy's name, its shape parameters, and `loc` and `scale`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    @model_validator(mode="after")
    def _is_a_delay(self) -> Distribution:
        if surely_valid(self.distribution, self.__pydantic_extra__):
            return self
        known = continuous_distributions()
        if self.distribution not in known:
            raise broken(f"unknown distribution '{self.distribution}'{nearest(self.distribution, [*LAWS, *known])}")
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

    def quantile(self, share: float) -> float:
        given, shapes = self.__pydantic_extra__, SIMPLE_SHAPES.get(self.distribution, ())
        simple = SIMPLE_QUANTILES.get(self.distribution)
        if simple is None:
            return float(continuous_distributions()[self.distribution].ppf(share, **given))
        try:
            standard = simple(share, *(given[shape] for shape in shapes))
        except OverflowError:
            standard = math.inf
        return standard * given.get("scale", 1.0) + given.get("loc", 0.0)

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        given, shapes = self.__pydantic_extra__, SIMPLE_SHAPES.get(self.distribution)
        if shapes is None:
            return continuous_distributions()[self.distribution].rvs(**given, size=count, random_state=generator)
        values = [given[shape] for shape in shapes]
        if simple := SIMPLE_DRAWS.get(self.distribution):
            standard = simple(generator, count, *values)
        else:
            # What scipy's rvs comes down to, without its look at the parameters, which takes ten times as long for so
            # few draws; these were looked at when the scenario was read.
            family = continuous_distributions()[self.distribution]
            standard = family._rvs(*values, size=(count,), random_state=generator)
        return standard * given.get("scale", 1.0) + given.get("loc", 0.0)


class ShiftedExponential(Law):
    """X = Δ + Exp(μ): at least `shift_s`, and an exponential of rate `rate_per_s` on top; mean Δ + 1/μ.

    The usual model of a worker with a fixed amount of work and a random delay.
    Source: Lee et al. 2018, "Speeding up distributed machine learning using codes", arXiv:1512.02673.
    """

    distribution: Literal["shifted_exponential"] = "shifted_exponential"
    shift_s: Quantity
    rate_per_s: PositiveQuantity

    def quantile(self, share: float) -> float:
        return self.shift_s - math.log1p(-share) / self.rate_per_s

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        return self.shift_s + generator.exponential(1 / self.rate_per_s, size=count)


class Empirical(Law):
    """Measured durations: the numbers in one column of a CSV file, drawn with replacement.

    They are in seconds, bandwidths in bytes per second, unless `unit` says in which unit they are: then they are
    converted. A column whose name states another unit is refused without it.
    """

    distribution: Literal["empirical"] = "empirical"
    file: str
    column: str
    unit: Annotated[str, unit_of()] | None = None

    @model_validator(mode="after")
    def _holds_durations(self) -> Empirical:
        if not trust.present().files:
            return self
        try:
            read_column(self.file, self.column)
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def quantile(self, share: float) -> float:
        ordered = _sorted_column(self.file, self.column, self._factor)
        return ordered[int(share * len(ordered))]

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        return generator.choice(read_column(self.file, self.column, self._factor), size=count)

    @property
    def _factor(self) -> float:
        """From the file's unit to gossim's."""
        return UNITS[self.unit].factor if self.unit else 1.0


@remembered
def read_column(file: str, column: str, factor: float = 1.0) -> tuple[float, ...]:
    """Return the positive numbers in that column of a CSV file with a header, times `factor`. Raises InputError, naming
    file and line.
    """
    return tuple(value * factor for (value,) in read_numbers(file, (column,), POSITIVE))


@remembered
def _sorted_column(file: str, column: str, factor: float) -> list[float]:
    return sorted(read_column(file, column, factor))


LAWS: dict[str, type[Law]] = {"shifted_exponential": ShiftedExponential, "empirical": Empirical}
"""Laws that scipy does not have; any other name is looked up in `scipy.stats`."""


def measured_in(wanted: str | None) -> AfterValidator:
    """Return a distribution whose numbers from a file are in the unit `wanted`; None means pure numbers."""

    def check(law: Law) -> Law:
        if not isinstance(law, Empirical):
            return law
        if wanted is None:
            says = law.unit or next(iter(stated(law.column).units), None)
            wrong = f"says {says}, in {law.file}, and a factor has no unit" if says else None
        elif law.unit and UNITS[law.unit].quantity != UNITS[wanted].quantity:
            raise broken_at(("unit",), law.unit, f"is no unit of {UNITS[wanted].quantity}")
        elif law.unit is None and says_nothing(law.column):
            wrong = None  # what is documented holds, and the scenario warns of it
        else:
            wrong = refusal(law.column, law.file, wanted, law.unit, "unit: {}", GRADIENTS)
        if wrong:
            raise broken_at(("unit",) if law.unit and wanted is None else ("column",), law.column, wrong)
        return law

    return AfterValidator(check)


if TYPE_CHECKING:
    AnyLaw = Law
    LawOfRates = Law
    LawOfNumbers = Law
else:
    _Law = chosen_by("distribution", LAWS, Distribution.model_validate, listed=continuous_distributions)
    AnyLaw = Annotated[_Law, measured_in("s")]
    LawOfRates = Annotated[_Law, measured_in("B/s")]
    LawOfNumbers = Annotated[_Law, measured_in(None)]
