"""Sections of which one is chosen by its name: an algorithm, a topology, a law."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from ..errors import nearest
from .violations import broken, broken_at


class ChosenBy:
    """Part of an annotated type: a mapping whose `key` picks one of `classes`.

    Only the class that is picked is looked at: a union would have pydantic build the validators of all of them.
    """

    def __init__(
        self,
        key: str,
        classes: Mapping[str, type[BaseModel]],
        otherwise: Callable[[Any], BaseModel] | None = None,
        when: Callable[[str], bool] = lambda name: True,
        listed: Callable[[], Collection[str]] | None = None,
        alone: bool = False,
        unnamed: str | None = None,
    ):
        """Choose among `classes`.

        Args:
            key: Whose value is the name.
            classes: Those to choose from, by name.
            otherwise: Makes a model of a mapping with another name.
            when: Whether `otherwise` takes that name.
            listed: All names that `otherwise` takes, if they can be listed. Their parameters are numbers.
            alone: Whether a name may stand without its mapping.
            unnamed: The name of a mapping that has none.
        """
        self.key, self.classes, self.otherwise, self.when = key, classes, otherwise, when
        self.listed, self.alone, self.unnamed = listed, alone, unnamed

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, core_schema.any_schema())

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        members = [self._member(name, cls, handler) for name, cls in self.classes.items()]
        if self.alone:
            members.append({"type": "string", "enum": list(self.classes)})
        if self.otherwise is not None:
            members.append(self._other())
        return {"anyOf": members}

    def _other(self) -> dict[str, Any]:
        names: dict[str, Any] = {"enum": sorted(self.listed())} if self.listed else {"pattern": ".:."}
        other = {"type": "object", "properties": {self.key: {"type": "string", **names}}, "required": [self.key]}
        return {**other, "additionalProperties": {"type": "number"}} if self.listed else other

    def _member(self, name: str, cls: type[BaseModel], handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return a reference to the definition of `cls`, which the schema has once however often it can be chosen."""
        cls.model_rebuild()
        reference = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"
        referred: Any = {**cls.__pydantic_core_schema__, "ref": reference}
        member = handler(core_schema.definitions_schema(referred, []))
        return dict(member) if name == self.unnamed else {**member, "required": [self.key]}

    def read(self, value: Any) -> BaseModel:
        """Return the model that a mapping describes, or a model unchanged. Raises pydantic's errors."""
        if self.alone and isinstance(value, str):
            value = {self.key: value}
        if self.unnamed is not None and isinstance(value, dict) and self.key not in value:
            value = {self.key: self.unnamed, **value}
        name = value.get(self.key) if isinstance(value, dict) else getattr(value, self.key, None)
        if name is None:
            raise broken(f"must be a mapping that says by its `{self.key}` what it is")
        if isinstance(name, str) and name in self.classes:
            return self.classes[name].model_validate(value)
        if self.otherwise is None or not isinstance(name, str) or not self.when(name):
            raise broken_at((self.key,), name, f"unknown name{nearest(name, self.classes)}")
        return self.otherwise(value)


def chosen_by(key: str, classes: Mapping[str, type[BaseModel]], *others: Any, **options: Any) -> Any:
    """Return the type of a value that is `ChosenBy` its `key`."""
    return Annotated[Any, ChosenBy(key, classes, *others, **options)]
