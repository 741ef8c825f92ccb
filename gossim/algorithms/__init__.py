"""The algorithms, one file each. A new file in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..fields import chosen_by
from . import own
from .base import Algorithm

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def _complete(cls: type[Algorithm]) -> Iterator[type[Algorithm]]:
    """The subclasses that have a name, at whatever depth."""
    for subclass in cls.__subclasses__():
        if subclass.model_fields["name"].default:
            yield subclass
        yield from _complete(subclass)


ALGORITHMS: dict[str, type[Algorithm]] = {
    algorithm.model_fields["name"].default: algorithm
    for algorithm in sorted(_complete(Algorithm), key=lambda a: str(a.model_fields["name"].default))
}
"""Every built-in algorithm by the name that scenarios use. Made once: classes that come later are not in it."""

if TYPE_CHECKING:
    AnyAlgorithm = Algorithm
else:
    AnyAlgorithm = chosen_by("name", ALGORITHMS, own.read, when=own.is_path)

__all__ = ["ALGORITHMS", "Algorithm", "AnyAlgorithm"]
