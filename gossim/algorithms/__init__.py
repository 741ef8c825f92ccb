"""The algorithms, one file each, with the name that scenarios use. A new file in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from ..schema.chosen import chosen_by
from . import _by_path
from ._base import Algorithm


class _Files(Mapping[str, type[Algorithm]]):
    """From the name of an algorithm to its class. Its file is imported when somebody asks for it."""

    def __init__(self) -> None:
        files = (file.name for file in pkgutil.iter_modules(__path__))
        self._names = sorted(name for name in files if not name.startswith("_"))

    def __getitem__(self, name: str) -> type[Algorithm]:
        if name not in self:
            raise KeyError(name)
        return _in_file(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@cache
def _in_file(name: str) -> type[Algorithm]:
    """The algorithm of that name, from the file of that name."""
    module = importlib.import_module(f"{__name__}.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Algorithm) and value.model_fields["name"].default == name:
            return value
    raise ImportError(f"{module.__file__} must define the algorithm with the name '{name}', as the file has it")


ALGORITHMS: Mapping[str, type[Algorithm]] = _Files()
"""Every built-in algorithm by the name that scenarios use."""

if TYPE_CHECKING:
    AnyAlgorithm = Algorithm
else:
    AnyAlgorithm = chosen_by("name", ALGORITHMS, _by_path.read, when=_by_path.is_path)

__all__ = ["ALGORITHMS", "Algorithm", "AnyAlgorithm"]
