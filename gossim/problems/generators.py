"""The state of this process that torch computes by: global random generators, numbers of threads, rounding on a GPU."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

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
def seeded(key: int) -> Iterator[None]:
    """Inside the block torch's, numpy's and Python's global generators start from `key`; their states are put back.

    Layers draw from torch's when they are made, and a user's factory may draw from any of them.
    """
    with PROCESS:
        others = np.random.get_state(), random.getstate()  # noqa: NPY002
        try:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(key)
                np.random.seed(key % 2**32)  # noqa: NPY002 (the global generator is what a factory may draw from)
                random.seed(key)
                yield
        finally:
            np.random.set_state(others[0])  # noqa: NPY002
            random.setstate(others[1])
