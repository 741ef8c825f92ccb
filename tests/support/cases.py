"""Many cases in one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(name: object) -> Iterator[None]:
    """What fails in here says for which case."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"case: {name}")
        raise
