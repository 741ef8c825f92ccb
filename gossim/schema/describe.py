"""The parameters of a section in words: `push_probability in [0, 1] (required)`, `collective = ring`."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from .bounds import Bounds
from .chosen import ChosenBy
from .fields import FOR_EACH, Must

FEW = 6
"""Names that are few enough to stand in a line."""


def parameters(cls: type[BaseModel]) -> list[str]:
    """Return a line for each parameter: its name, its rule or its choices, and its default unless it is required."""
    return [_told(name, field) for name, field in cls.model_fields.items() if name not in ("name", "distribution")]


def _told(name: str, field: FieldInfo) -> str:
    rule, choices = _rule(field.annotation, field.metadata), _choices(field)
    if FOR_EACH in choices:
        rule, choices = f"{_rule_of_one(field.annotation)}, or a list, one for each worker", []
    if field.is_required():
        named = ": " + ", ".join(choices) if 1 < len(choices) <= FEW else ""
        or_null = " or null" if rule and _may_be_null(field.annotation) else ""
        return f"{name}{rule and ' ' + rule}{or_null}{named} (required)"
    default = getattr(field.default, "name", field.default)
    others = [choice for choice in choices if choice != default] if get_origin(field.annotation) is Literal else []
    bracket = rule or ("or " + ", ".join(others) if others else "")
    return f"{name} = {_plain(default)}" + (f" ({bracket})" if bracket else "")


def _rule(annotation: Any, metadata: Iterable[Any]) -> str:
    """Return the rule as text: `>= 1`, or `each >= 1` for a list; empty without a rule."""
    for part in metadata:
        if isinstance(part, Bounds | Must):
            return part.rule.removeprefix("a whole number ")
    members = [part for part in get_args(annotation) if part not in (types.NoneType, Ellipsis)]
    if get_origin(annotation) not in (Union, types.UnionType, tuple) or len(members) != 1:
        return ""
    kind, *more = get_args(members[0]) if get_origin(members[0]) is Annotated else (members[0],)
    rule = _rule(kind, more)
    return f"each {rule}" if rule and get_origin(annotation) is tuple and not rule.startswith("each ") else rule


def _rule_of_one(annotation: Any) -> str:
    """Return the rule of a number, also of one in a list."""
    kind, *more = get_args(get_args(annotation)[0])
    return _rule(kind, more)


def _choices(field: FieldInfo) -> list[str]:
    """Return the values of a `Literal`, and the names of the sections to choose from; … if there are others."""
    if get_origin(field.annotation) is Literal:
        return [_plain(value) for value in get_args(field.annotation)]
    for part in field.metadata:
        if isinstance(part, ChosenBy):
            return [*part.classes, *(["…"] if part.otherwise else [])]
    members = get_args(field.annotation)
    return [str(part.tag) for member in members for part in get_args(member)[1:] if isinstance(part, Tag)]


def _may_be_null(annotation: Any) -> bool:
    return types.NoneType in get_args(annotation)


def _plain(value: Any) -> str:
    """Return a value as it is written in a scenario."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_defaults=True)
    return str(yaml.safe_dump(value, default_flow_style=True)).removesuffix("...\n").strip()
