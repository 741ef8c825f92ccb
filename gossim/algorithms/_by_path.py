"""Algorithms that a user keeps in a file of their own, named `package.module:Class`."""

from __future__ import annotations

import inspect
from operator import attrgetter
from typing import Any

from pydantic import ConfigDict, create_model

from ..errors import InputError, nearest, told
from ..files import trust
from ..files.process_state import module_named
from ..schema.violations import broken_at
from ..sim.worker import Worker
from ._base import Algorithm, Process

_ready: dict[type[Algorithm], type[Algorithm]] = {}
"""Classes that were found, by what their file calls them."""


def is_path(name: str) -> bool:
    """Return whether `name` is the path of a class to import, and not a built-in name."""
    return ":" in name


def found(path: str) -> type[Algorithm]:
    """Return the class at `package.module:Class`. Raises a ValidationError that says what is wrong with it."""
    module_name, _, attribute = path.partition(":")
    try:
        module = module_named(module_name)
    except (Exception, SystemExit) as error:  # a user's module may do anything
        raise broken_at(("name",), path, f"cannot be imported: {told(error)}") from None
    try:
        cls = attrgetter(attribute)(module)
    except AttributeError:
        usable = [name for name, value in vars(module).items() if _is_algorithm(value) and value is not Algorithm]
        rule = f"the module '{module_name}' has no '{attribute}'{nearest(attribute, usable)}"
        raise broken_at(("name",), path, rule) from None
    if not _is_algorithm(cls):
        raise broken_at(("name",), path, "must be a subclass of gossim.Algorithm")
    if not inspect.isgeneratorfunction(cls.worker):
        rule = "must have a method `worker(self, w)` that yields, as in `yield w.compute()`"
        raise broken_at(("name",), path, rule)
    named = _named_by_path(cls, path)
    try:
        named.model_rebuild()  # what is wrong with its fields shows now
    except Exception as error:
        raise broken_at(("name",), path, f"cannot be used: {told(error)}") from None
    return named


def _is_algorithm(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Algorithm)


def _named_by_path(cls: type[Algorithm], path: str) -> type[Algorithm]:
    """Return `cls`, with a free `name` if it has a fixed one, as subclasses of built-in algorithms do."""
    if cls.model_fields["name"].annotation is str:
        return cls
    if cls not in _ready:
        _ready[cls] = create_model(
            cls.__name__, __base__=cls, __module__=cls.__module__, __doc__=cls.__doc__, name=(str, path)
        )
    return _ready[cls]


class Unimported(Algorithm):
    """A user's algorithm that was not imported: its name and its keys, as written."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]

    def refused(self) -> InputError:
        """Return why nothing that needs its code can be done."""
        return InputError(f"algorithm.name = {self.name}: was not imported; {trust.ASK}")

    def worker(self, w: Worker) -> Process:
        raise self.refused()


def read(value: Any) -> Algorithm:
    """Return the algorithm of a mapping whose `name` is such a path, or one that exists already. If imports are not
    allowed, it is `Unimported`.
    """
    if not isinstance(value, dict):
        return Algorithm.model_validate(value)
    return (found(value["name"]) if trust.present().imports else Unimported).model_validate(value)
