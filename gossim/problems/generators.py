"""The state of this process that torch computes by: global random generators, numbers of threads, rounding on a GPU."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ..rng import Purpose, key

PROCESS = threading.RLock()
"""Held by the thread that relies on that state: several threads may run scenarios at once."""


@contextmanager
def started(key: int, device: torch.device) -> Iterator[None]:
    """Inside the block torch's global generator, and that of the `device`, start from `key`; then they are put back."""
    on_gpu = device.type == "cuda"
    with PROCESS, torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(key)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(key)
        yield


@contextmanager
def seeded(first: int) -> Iterator[None]:
    """Inside the block torch's, numpy's and Python's global generators start from `first`; their states are put back.

    Layers draw from torch's when they are made, and a user's factory may draw from any of them.
    """
    with PROCESS:
        others = np.random.get_state(), random.getstate()  # noqa: NPY002
        try:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(first)
                np.random.seed(first % 2**32)  # noqa: NPY002 (the global generator is what a factory may draw from)
                random.seed(first)
                yield
        finally:
            np.random.set_state(others[0])  # noqa: NPY002
            random.setstate(others[1])


ATTEMPTS = 3
"""Looks at the global generators, from which another thread may draw at the same time."""


def generator_moved_by(call: Callable[[], object]) -> str | None:
    """Whose global generator the call moves, by draws or a seed: `torch`, `numpy`, `Python`, or None."""
    names: list[str] = []
    for attempt in range(ATTEMPTS):
        with seeded(key(attempt, Purpose.INITIALISATION)):  # nobody's own seed, which would not move it
            before = _states()
            call()
            after = _states()
        names = [name for name, state in before.items() if state != after[name]]
        if not names:
            return None
    return names[0]


def _states() -> dict[str, object]:
    numpys: Any = np.random.get_state()  # noqa: NPY002 (it is this one that is looked at)
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    torchs = [state.numpy().tobytes() for state in (torch.get_rng_state(), *cuda)]
    return {"torch": torchs, "numpy": (numpys[1].tobytes(), *numpys[2:]), "Python": random.getstate()}
