"""Arithmetic on one core or several, whatever the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


@contextmanager
def threads_for_torch(count: int) -> Iterator[None]:
    """Inside the block torch computes on that many threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def one_thread() -> AbstractContextManager[None]:
    """Inside the block torch computes on one thread, so that no sum is rounded by how it was shared out."""
    return threads_for_torch(1)
