"""The algorithms, one file each, with the name that scenarios use. A new file in this folder is found by itself."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..schema.by_file import class_in_file
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
        return class_in_file(f"{__name__}.{name}", Algorithm)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


ALGORITHMS: Mapping[str, type[Algorithm]] = _Files()
"""Every built-in algorithm by the name that scenarios use."""


if TYPE_CHECKING:
    AnyAlgorithm = Algorithm
else:
    AnyAlgorithm = chosen_by("name", ALGORITHMS, _by_path.read, when=_by_path.is_path)

__all__ = ["ALGORITHMS", "Algorithm", "AnyAlgorithm"]
