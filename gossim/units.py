"""Time as the clock counts it: in ticks, whole picoseconds."""

from __future__ import annotations

import math

from .errors import RunError

PER_SECOND = 10**12
"""Ticks of the clock in a second."""


def ticks(seconds: float) -> int:
    """The nearest whole number of picoseconds. Raises RunError for what is no duration."""
    if not 0 <= seconds * PER_SECOND < math.inf:
        raise RunError(f"{seconds} s is not a duration")
    return round(seconds * PER_SECOND)
