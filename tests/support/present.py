"""What may be absent in general and is present where a test uses it."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """Return `value`, which is not None."""
    assert value is not None
    return value
