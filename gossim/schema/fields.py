"""The kinds of value a scenario is made of: frozen, strict, finite, and each knows its rule in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, Self, Union

from pydantic import (
    AfterValidator,
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
from .violations import broken, broken_at, in_words


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


def named(kind: str, names: Collection[str]) -> AfterValidator:
    """One of `names`, and the nearest of them if it is not."""

    def check(value: str) -> str:
        if value not in names:
            raise broken(f"unknown {kind}{nearest(value, names)}")
        return value

    return AfterValidator(check)


class ChosenBy:
    """Part of an annotated type: a mapping whose `key` picks one of `classes`; other names that `when` accepts are for
    `otherwise` to make a model of.

    Only the class that is picked is looked at: a union would have pydantic build the validators of all of them.
    """

    def __init__(
        self,
        key: str,
        classes: Mapping[str, type[BaseModel]],
        otherwise: Callable[[Any], BaseModel] | None,
        when: Callable[[str], bool],
    ):
        self.key, self.classes, self.otherwise, self.when = key, classes, otherwise, when

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, core_schema.any_schema())

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        for cls in self.classes.values():
            cls.model_rebuild()
        told: list[Any] = [handler(cls.__pydantic_core_schema__) for cls in self.classes.values()]
        other = {"type": "object", "properties": {self.key: {"type": "string"}}, "required": [self.key]}
        return {"anyOf": [*told, other] if self.otherwise else told}

    def read(self, value: Any) -> BaseModel:
        name = value.get(self.key) if isinstance(value, dict) else getattr(value, self.key, None)
        if name is None:
            raise broken(f"must be a mapping that says by its `{self.key}` what it is")
        if isinstance(name, str) and name in self.classes:
            return self.classes[name].model_validate(value)
        if self.otherwise is None or not isinstance(name, str) or not self.when(name):
            raise broken_at((self.key,), name, f"unknown name{nearest(name, self.classes)}")
        return self.otherwise(value)


def chosen_by(
    key: str,
    classes: Mapping[str, type[BaseModel]],
    otherwise: Callable[[Any], BaseModel] | None = None,
    when: Callable[[str], bool] = lambda name: True,
) -> Any:
    """The type of a value that is `ChosenBy` its `key`."""
    return Annotated[Any, ChosenBy(key, classes, otherwise, when)]


def number_or(number: Any, mapping: Any, word: str | None = None) -> Any:
    """The type of a value that is a plain `number` or, as a mapping, a `mapping` model, or this one `word`."""

    def tag(value: Any) -> str:
        # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
        if isinstance(value, dict | BaseModel):
            return "a mapping"
        return "a word" if word is not None and value == word else "a number"

    kinds: list[Any] = [Annotated[number, Tag("a number")], Annotated[mapping, Tag("a mapping")]]
    if word is not None:
        kinds.append(Annotated[Literal[word], Tag("a word")])
    return Annotated[Union[tuple(kinds)], Discriminator(tag)]  # noqa: UP007 (members are known at run time only)


Probability = Annotated[float, must("in [0, 1]", lambda p: 0 <= p <= 1)]
LARGEST_NUMBER = 1e100
"""Of a time, a rate or a factor: the clock counts picoseconds, and what is larger overflows when it is multiplied."""
_NOT_HUGE = must("at most 1e100", lambda x: x <= LARGEST_NUMBER)
Positive = Annotated[float, must("> 0", lambda x: x > 0)]
NonNegative = Annotated[float, must(">= 0", lambda x: x >= 0)]
PositiveQuantity = Annotated[Positive, _NOT_HUGE]
Quantity = Annotated[NonNegative, _NOT_HUGE]
"""Of what is measured: times, rates, and the factors by which they are multiplied."""
_A_NANOSECOND = must(">= 1e-9, a nanosecond", lambda x: x >= 1e-9)
Lasting = Annotated[float, _A_NANOSECOND, _NOT_HUGE]
Timeout = Annotated[PositiveQuantity, _A_NANOSECOND]
_A_TICK = must(">= 1e-12, a picosecond, by which the clock counts", lambda x: x >= 1e-12)
AtLeastATick = Annotated[PositiveQuantity, _A_TICK]
Fraction01 = Annotated[float, must("in [0, 1)", lambda x: 0 <= x < 1)]
LARGEST = 2**62
_BOUNDED = must("at most 2**62", lambda n: n <= LARGEST)

LARGEST_EXACT = 2.0**53
"""Up to here a number with a point or an exponent is the one that was written."""


def _whole(value: Any) -> Any:
    """`1e3`, which YAML reads as a fractional number, as the whole number that it is; anything else as it is."""
    return int(value) if type(value) is float and value.is_integer() and abs(value) <= LARGEST_EXACT else value


Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Whole, must("a whole number >= 1", lambda n: n >= 1), _BOUNDED]
Index = Annotated[Whole, must("a whole number >= 0", lambda n: n >= 0), _BOUNDED]

# Strict pydantic refuses a list where a tuple is wanted; YAML has only lists, and only a tuple is frozen.
AS_TUPLE = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
# A name that needs no parameters may stand without its mapping.
NAME_ALONE = BeforeValidator(lambda value: {"name": value} if isinstance(value, str) else value)
Counts = Annotated[tuple[Count, ...], AS_TUPLE]
Indices = Annotated[tuple[Index, ...], AS_TUPLE]
