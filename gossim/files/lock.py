"""The lock by which one process at a time writes in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError

LOCK = ".lock"
"""A file that is there while somebody writes. The operating system knows who: one that a kill leaves stops nobody."""

UNDER_WAY = "another gossim is writing here; wait for its end or choose another directory with --out"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep everybody else from writing in `folder`, in this process or another, until the block ends.

    Raises:
        InputError: If somebody is writing there.
        OSError: If the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: {UNDER_WAY}") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows deletes no open file
            (folder / LOCK).unlink()
        lock.release()
