"""torch's global generators, started from a key."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ..files.process_state import PROCESS, seeded
from ..rng import Purpose, key


@contextmanager
def started(key: int, device: torch.device) -> Iterator[None]:
    """Start torch's global generator, and that of the `device`, from `key` inside the block, and restore them
    afterwards.
    """
    on_gpu = device.type == "cuda"
    with PROCESS, torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(key)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(key)
        yield


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
