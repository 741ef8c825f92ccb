"""Time as the clock counts it, in ticks of a picosecond; and units of bytes that fit a number."""

from __future__ import annotations

import math

from .errors import RunError

PER_SECOND = 10**12
"""Ticks of the clock in a second."""


def ticks(seconds: float) -> int:
    """Return the nearest whole number of picoseconds.

    Raises:
        RunError: If `seconds` is negative, infinite or not a number.
    """
    if not 0 <= seconds * PER_SECOND < math.inf:
        raise RunError(f"{seconds} s is not a duration")
    return round(seconds * PER_SECOND)


BYTE_UNITS = {"PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3}
"""Bytes in each unit, the largest first."""


def byte_unit(largest: float) -> tuple[str, float]:
    """Choose the unit in which `largest` bytes, and whatever stands beside them in a table, are shown.

    Returns:
        The unit and the factor from bytes to it. MB if nothing, or less than a kB, is to be shown.
    """
    unit = next((unit for unit, size in BYTE_UNITS.items() if largest >= size), "MB")
    return unit, 1 / BYTE_UNITS[unit]


def readable_bytes(size: float) -> str:
    """Format a number of bytes: 1.2 GB, 5.6 TB, or 300 bytes."""
    if size < 1e3:
        return f"{size:.3g} bytes"
    unit, factor = byte_unit(size)
    shown = size * factor
    return f"{shown:.1f} {unit}" if shown < 1e5 else f"{shown:.2g} {unit}"
