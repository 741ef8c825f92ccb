"""pydantic's errors as violations that a person can read: path, value, rule, nearest valid name."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from ..errors import nearest
from .bounds import BOUND_ERRORS, broken_bound

MISSING = "missing"
"""The type of the error for a key that is not there; all other errors are of type RULE."""

RULE = "rule"

_RULES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "invalid_key": "must be a text: put it in quotes",
}

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "multiple_of": "a multiple of"}


def broken(rule: str, kind: str = RULE) -> PydanticCustomError:
    """Return the error for a value that breaks `rule`, a phrase that follows the path and the value."""
    return PydanticCustomError(kind, "{rule}", {"rule": rule})


def broken_at(path: tuple[str | int, ...], value: Any, rule: str, kind: str = RULE) -> ValidationError:
    """Return the error of a section in which the value at `path` breaks `rule`."""
    return ValidationError.from_exception_data(
        "section", [InitErrorDetails(type=broken(rule, kind), loc=path, input=value)]
    )


def in_words(error: ValidationError, fields: Mapping[str, FieldInfo]) -> ValidationError:
    """Return the same error with its rules in words, for a section that has these `fields`."""
    lines = []
    for details in error.errors(include_url=False):
        kind, path, value = details["type"], details["loc"], details["input"]
        rule = _rule(kind, details, fields)
        lines.append(
            InitErrorDetails(
                type=broken(rule, MISSING if kind == MISSING else RULE),
                loc=path,
                input=value,
            )
        )
    return ValidationError.from_exception_data(error.title, lines)


def _rule(kind: str, details: Any, fields: Mapping[str, FieldInfo]) -> str:
    if kind == MISSING:
        return "is required" if details["msg"] == "Field required" else details["msg"]
    if kind == "extra_forbidden":
        return f"unknown key{nearest(details['loc'][-1], fields)}"
    if kind == "literal_error":
        return f"must be {details['ctx']['expected']}"
    if kind in BOUND_ERRORS:
        return f"must be {_bound(details, fields)}"
    return _RULES.get(kind, details["msg"])


def _bound(details: Any, fields: Mapping[str, FieldInfo]) -> str:
    """Return the rule of a broken bound: as its `Bounds` states it, or from the sign if `Field` gives it."""
    ((bound, limit),) = details["ctx"].items()
    field = fields.get(details["loc"][0]) if details["loc"] else None
    rule = broken_bound(field, details["input"], (bound, limit)) if field else None
    return rule or f"{_SIGNS[bound]} {limit:g}"


class Violation(NamedTuple):
    """One broken rule: the keys that lead to the value, the value, and what it should be."""

    path: tuple[str, ...]
    value: Any
    rule: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {short(self.value)}"
        return f"{'.'.join(self.path)}{shown}: {self.rule}" if self.path else self.rule


def violations(model: type[BaseModel], data: Any) -> list[Violation]:
    """Return what is wrong with `data` as a `model`; empty if it is valid."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [_violation(details, data) for details in error.errors(include_url=False)]
    return []


def _violation(details: Any, data: Any) -> Violation:
    path: list[str] = []
    for position, part in enumerate(details["loc"]):
        # pydantic's path also names the member of a union that it tried; no such key stands in the data.
        is_absent_key = details["type"] == MISSING and position == len(details["loc"]) - 1
        is_key = isinstance(data, Mapping) and part in data
        if is_key or (isinstance(data, list | tuple) and isinstance(part, int)):
            data = data[part]
        elif not is_absent_key:
            continue
        path.append(shown_name(part))
    return Violation(tuple(path), None if details["type"] == MISSING else details["input"], details["msg"])


def shown_name(name: object) -> str:
    """Return a name on one line; one that cannot be printed appears as Python would write it."""
    text = name if isinstance(name, str) else short(name)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


LONGEST_SHOWN, MOST_SHOWN, DEEPEST_SHOWN = 80, 40, 6
MOST_BITS = 8192
"""Of a number that Python writes in decimal."""


def short(value: Any) -> str:
    """Return `value` on one line, as it would be written in a scenario."""
    try:
        value = _beginning(value)
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    except (yaml.YAMLError, ValueError):  # also a number of more digits than Python writes
        text = reprlib.repr(value)
    text = text.removesuffix("...\n").strip()
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _beginning(value: Any, depth: int = 0) -> Any:
    """Return the part of `value` that is shown; it may be large, and contain itself."""
    if isinstance(value, str):
        return value[: LONGEST_SHOWN + 1]
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return f"{value:#x}"[: LONGEST_SHOWN + 1]
    if depth == DEEPEST_SHOWN and isinstance(value, dict | list | tuple):
        return "..."
    if isinstance(value, dict):
        return {key: _beginning(inner, depth + 1) for key, inner in itertools.islice(value.items(), MOST_SHOWN)}
    if isinstance(value, list | tuple):
        return [_beginning(inner, depth + 1) for inner in value[:MOST_SHOWN]]
    return value
