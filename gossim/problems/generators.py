"""torch's global generators, started from a key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..files.process_state import PROCESS


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
