"""numpy, imported when something is first computed with it: to read a scenario needs none, and would take a fifth
longer."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any


class Later(ModuleType):
    """Stands for the module of its name, which is imported when somebody first asks for anything in it.

    A stand-in of its own and not `importlib.util.LazyLoader`, which has everybody else's `import numpy` find the module
    half made where threads begin to use it at the same time (Python 3.11).
    """

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)  # so that it is found at once from now on
        return value


if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")

__all__ = ["np"]
