"""numpy, imported when something is first computed with it: to read a scenario needs none, and would take a fourth
longer."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING


def later(name: str) -> ModuleType:
    """The module of that name, which is imported when somebody first asks it for anything."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.find_spec(name)
    assert spec
    assert spec.loader
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    import numpy as np
else:
    np = later("numpy")

__all__ = ["np"]
