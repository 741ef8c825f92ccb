"""The algorithms, one file each. A new file in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from .base import Algorithm

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

ALGORITHMS: dict[str, type[Algorithm]] = {
    algorithm.model_fields["name"].default: algorithm
    for algorithm in sorted(Algorithm.__subclasses__(), key=lambda a: str(a.model_fields["name"].default))
}
"""Every algorithm by the name that scenarios use."""

__all__ = ["ALGORITHMS", "Algorithm"]
