"""The state of this process that modules and networks draw from: the global generators of torch, numpy and Python."""

from __future__ import annotations

import importlib
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

PROCESS = threading.RLock()
"""Held by the thread that relies on that state: several threads may run scenarios at once."""

UNSEEDED = 67280421310721
"""What torch's generator starts from in a process that has not seeded it."""


@contextmanager
def seeded(key: int) -> Iterator[None]:
    """Start torch's, numpy's and Python's global generators from `key` inside the block, and restore them afterwards.

    Layers draw from torch's when they are made, and a user's factory may draw from any of them. torch is not imported
    for it.
    """
    import numpy as np

    with PROCESS:
        states = np.random.get_state(), random.getstate()  # noqa: NPY002
        torch = sys.modules.get("torch")
        torchs = torch.get_rng_state() if torch else None
        try:
            if torch:
                torch.default_generator.manual_seed(key)
            np.random.seed(key % 2**32)  # noqa: NPY002 (the global generator is what a factory may draw from)
            random.seed(key)
            yield
        finally:
            if torch:
                torch.set_rng_state(torchs)
            np.random.set_state(states[0])  # noqa: NPY002
            random.setstate(states[1])


def module_named(name: str) -> ModuleType:
    """Import a module that a scenario names.

    What it draws as it is imported, the parameters of a layer for instance, is the same whichever modules the process
    has imported before; and nothing is drawn from a generator that another thread has started for its own use.

    Args:
        name: As in `package.module`.

    Raises:
        Exception: Whatever the module raises.
    """
    if name in sys.modules:
        return importlib.import_module(name)
    with seeded(UNSEEDED):
        return importlib.import_module(name)
