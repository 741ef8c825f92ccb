"""The kinds of value a scenario is made of: frozen, strict, finite, and each knows its rule in words."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal, Self, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import core_schema

from ..errors import nearest
from .bounds import Bounds
from .violations import broken, in_words


class Frozen(BaseModel):
    """A value object: unknown keys, wrong types and non-finite numbers are refused, and nothing can be changed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        defer_build=True,  # there are some hundred, and a scenario names sixteen
    )

    @model_validator(mode="wrap")
    @classmethod
    def _tell_in_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            raise in_words(error, cls.model_fields) from None


class Must:
    """Part of an annotated type: values of which `holds` is false are refused, as not being what `rule` says."""

    def __init__(self, rule: str, holds: Callable[[Any], bool]):
        self.rule = rule
        self.holds = holds

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(kind))

    def check(self, value: Any) -> Any:
        if not self.holds(value):
            raise broken(f"must be {self.rule}")
        return value


def must(rule: str, holds: Callable[[Any], bool]) -> Must:
    return Must(rule, holds)


class OneOf:
    """Part of an annotated text: one of `names`, each of which is a `kind`; another is refused with the nearest."""

    def __init__(self, kind: str, names: Collection[str]):
        self.kind = kind
        self.names = names

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(kind))

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.names)}

    def check(self, value: str) -> str:
        if value not in self.names:
            raise broken(f"unknown {self.kind}{nearest(value, self.names)}")
        return value


def named(kind: str, names: Collection[str]) -> OneOf:
    return OneOf(kind, names)


def number_or(number: Any, mapping: Any, word: str | None = None) -> Any:
    """Return the type of a value that is a plain `number` or, as a mapping, a `mapping` model, or this one `word`."""

    def tag(value: Any) -> str:
        # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
        if isinstance(value, dict | BaseModel):
            return "a mapping"
        return "a word" if word is not None and value == word else "a number"

    kinds: list[Any] = [Annotated[number, Tag("a number")], Annotated[mapping, Tag("a mapping")]]
    if word is not None:
        kinds.append(Annotated[Literal[word], Tag("a word")])
    return Annotated[Union[tuple(kinds)], Discriminator(tag)]  # noqa: UP007 (members are known at run time only)


Probability = Annotated[float, Bounds("in [0, 1]", ge=0, le=1)]
SomeProbability = Annotated[float, Bounds("in (0, 1]", gt=0, le=1)]
Fraction01 = Annotated[float, Bounds("in [0, 1)", ge=0, lt=1)]
LARGEST_NUMBER = 1e100
"""Of a time, a rate or a factor: the clock counts picoseconds, and what is larger overflows when it is multiplied."""
_NOT_HUGE = Bounds("at most 1e100", le=LARGEST_NUMBER)
Positive = Annotated[float, Bounds("> 0", gt=0)]
NonNegative = Annotated[float, Bounds(">= 0", ge=0)]
PositiveQuantity = Annotated[Positive, _NOT_HUGE]
Quantity = Annotated[NonNegative, _NOT_HUGE]
"""Of what is measured: times, rates, and the factors by which they are multiplied."""
_A_NANOSECOND = Bounds(">= 1e-9, a nanosecond", ge=1e-9)
Lasting = Annotated[float, _A_NANOSECOND, _NOT_HUGE]
Timeout = Annotated[PositiveQuantity, _A_NANOSECOND]
_A_TICK = Bounds(">= 1e-12, a picosecond, by which the clock counts", ge=1e-12)
AtLeastATick = Annotated[PositiveQuantity, _A_TICK]
LARGEST = 2**62
_BOUNDED = Bounds("at most 2**62", le=LARGEST)

LARGEST_EXACT = 2.0**53
"""Up to here a number with a point or an exponent is the one that was written."""


def _whole(value: Any) -> Any:
    """Return `1e3`, which YAML reads as a fractional number, as a whole number; anything else unchanged."""
    return int(value) if type(value) is float and value.is_integer() and abs(value) <= LARGEST_EXACT else value


AS_WHOLE = BeforeValidator(_whole)
"""Stands after the bounds of a whole number, so that pydantic has them in one."""
Count = Annotated[int, Bounds("a whole number >= 1", ge=1), _BOUNDED, AS_WHOLE]
Index = Annotated[int, Bounds("a whole number >= 0", ge=0), _BOUNDED, AS_WHOLE]

# Strict pydantic refuses a list where a tuple is wanted; YAML has only lists, and only a tuple is frozen.
AS_TUPLE = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Counts = Annotated[tuple[Count, ...], AS_TUPLE]
Indices = Annotated[tuple[Index, ...], AS_TUPLE]


FOR_ALL, FOR_EACH = "one for all", "one for each"
"""The two kinds of such a value; as above, no keys of the data."""


def one_or_each(number: Any) -> Any:
    """Return the type of a value that is one `number` for all workers, or a list with one for each."""

    def tag(value: Any) -> str:
        return FOR_EACH if isinstance(value, list | tuple) else FOR_ALL

    each = Annotated[tuple[number, ...], AS_TUPLE, Tag(FOR_EACH)]
    return Annotated[Union[Annotated[number, Tag(FOR_ALL)], each], Discriminator(tag)]  # noqa: UP007
