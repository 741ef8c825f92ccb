"""Arithmetic on one core or several, whatever the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


@contextmanager
def threads_for_torch(count: int) -> Iterator[None]:
    """Let torch compute on that many threads inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def one_thread() -> AbstractContextManager[None]:
    """Let torch compute on one thread inside the block, so that rounding does not depend on how sums are divided."""
    return threads_for_torch(1)
