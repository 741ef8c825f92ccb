"""Tables of classes in a folder that holds one file for each: a new file is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

from .fields import Frozen

Class = TypeVar("Class", bound=Frozen)


def classes_by_file(package: str, path: Iterable[str], kind: type[Class]) -> dict[str, type[Class]]:
    """Return the class of each file, by the file's name, which must be the default of its field `name`.

    Files whose names begin with an underscore are no part of the table.

    Args:
        package: The package's `__name__`.
        path: Its `__path__`.
        kind: What the classes are subclasses of.

    Raises:
        ImportError: A file does not define such a class.
    """
    names = sorted(file.name for file in pkgutil.iter_modules(path) if not file.name.startswith("_"))
    return {name: class_in_file(f"{package}.{name}", kind) for name in names}


@cache
def class_in_file(module_name: str, kind: type[Class]) -> type[Class]:
    """Return the subclass of `kind` in that module whose `name` is the file's. Raises ImportError if it has none."""
    module = importlib.import_module(module_name)
    name = module_name.rpartition(".")[2]
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, kind) and value.model_fields["name"].default == name:
            return value
    what = kind.__name__
    raise ImportError(f"{module.__file__} must define a subclass of {what} with the name '{name}', as the file has it")
