"""The network section that fits measured times of messages and of all-reduces.

With latency a, overhead o, b seconds per byte, i after idle and g per byte added up, a request takes a + nb, a message
with parameters a + o + nb, one after idle i more, and an all-reduce what its formula says of a round's a + o, b and g.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from ..errors import InputError, nearest
from ..files.csv_columns import POSITIVE, Rule, number, read_columns
from .collectives import Collective, Link, RingCollective

OPERATIONS = ("request", "point_to_point", "after_idle", "allreduce")

BYTES = Rule("a whole number of bytes >= 1", lambda x: x >= 1 and x.is_integer() and x < 2**53)
WORKERS = Rule("a whole number >= 2", lambda x: x >= 2 and x.is_integer() and x < 2**31)


class MeasuredCase(NamedTuple):
    """An `operation` among `workers` on this many bytes."""

    operation: str
    workers: int
    size_bytes: int


class Fit(NamedTuple):
    """`latency_s` a, `overhead_s` o, `s_per_byte` b, `after_idle_s` i, `reduction_s_per_byte` g; None for what the
    measurements do not determine.
    """

    latency_s: float
    overhead_s: float | None
    s_per_byte: float
    after_idle_s: float | None
    reduction_s_per_byte: float | None = None


def read_times(file: str) -> dict[MeasuredCase, float]:
    """Return the median time of each case in a CSV file with the columns operation, workers, size_bytes and seconds.

    Raises:
        InputError: If the file is not that, naming file and line.
    """
    times: dict[MeasuredCase, list[float]] = {}
    for line, row in read_columns(file, ("operation", "workers", "size_bytes", "seconds")):
        where = f"{file}, line {line}: "
        if row[0] not in OPERATIONS:
            raise InputError(f"{where}operation = {row[0]!r}: unknown operation{nearest(row[0], OPERATIONS)}")
        workers = int(number(row[1], WORKERS, f"{where}workers = "))
        size_bytes = int(number(row[2], BYTES, f"{where}size_bytes = "))
        seconds = number(row[3], POSITIVE, f"{where}seconds = ")
        times.setdefault(MeasuredCase(row[0], workers, size_bytes), []).append(seconds)
    return {case: median(seconds) for case, seconds in sorted(times.items())}


def fit(times: dict[MeasuredCase, float], collective: Collective | None = None, file: str = "the file") -> Fit:
    """Fit by least squares of the relative differences, with no number below 0.

    Without requests all of a + o is the latency, and without both messages and all-reduces all of b and g is b.

    Raises:
        InputError: If there are fewer than two sizes of messages or all-reduces, which determine no bandwidth.
    """
    from scipy.optimize import least_squares

    collective, cases = collective or RingCollective(), list(times)
    present = {case.operation for case in cases}
    sizes = {case.size_bytes for case in cases if case.operation in ("point_to_point", "allreduce")}
    if len(sizes) < 2:
        raise InputError(f"{file}: has {len(sizes)} sizes of point_to_point and allreduce, and a fit needs two")
    measured = np.array([times[case] for case in cases])
    both = {"point_to_point", "allreduce"} <= present
    free = [True, "request" in present, True, "after_idle" in present, both]
    largest = max(cases, key=lambda case: case.size_bytes)
    least_s, per_byte = measured.min(), times[largest] / largest.size_bytes
    scale = np.array([least_s, least_s, per_byte, least_s, per_byte])[free]

    def spread(x: np.ndarray) -> Fit:
        full = np.zeros(5)
        full[free] = x * scale
        return Fit(*full.tolist())

    def apart(x: np.ndarray) -> np.ndarray:
        return predicted(spread(x), cases, collective) / measured - 1

    found = spread(least_squares(apart, np.full(len(scale), 0.5), bounds=(0, np.inf), xtol=1e-14, ftol=1e-14).x)
    return Fit(*(value if known else None for value, known in zip(found, free, strict=True)))  # type: ignore[arg-type]


def predicted(own: Fit, cases: Sequence[MeasuredCase], collective: Collective) -> np.ndarray:
    """Return the predicted times of these cases in seconds, of shape `(cases,)`."""
    round_s = own.latency_s + (own.overhead_s or 0.0)
    link = Link(round_s, own.s_per_byte, own.reduction_s_per_byte or 0.0)
    idle_s = own.after_idle_s or 0.0
    seconds = {
        "request": lambda case: own.latency_s + case.size_bytes * own.s_per_byte,
        "point_to_point": lambda case: round_s + case.size_bytes * own.s_per_byte,
        "after_idle": lambda case: round_s + case.size_bytes * own.s_per_byte + idle_s,
        "allreduce": lambda case: collective.cost(case.workers, case.size_bytes, link).seconds,
    }
    return np.array([seconds[case.operation](case) for case in cases])


def network_section(own: Fit, nominal_bytes_per_s: float | None = None) -> dict[str, object]:
    """Return the keys of a `network` section, with `efficiency` where the link's `nominal_bytes_per_s` is known.

    Raises:
        InputError: If what was measured is more than the link can carry.
    """
    if not own.s_per_byte:
        raise InputError("the times do not grow with the size: no bandwidth can be fitted")
    rate = 1 / own.s_per_byte
    if nominal_bytes_per_s is not None and rate > nominal_bytes_per_s:
        raise InputError(f"{rate:.4g} bytes/s were measured, more than the {nominal_bytes_per_s:.4g} of the link")
    section: dict[str, object] = {"latency_s": _rounded(own.latency_s)}
    section["bandwidth_bytes_per_s"] = _rounded(rate if nominal_bytes_per_s is None else nominal_bytes_per_s)
    if nominal_bytes_per_s is not None:
        section["efficiency"] = _rounded(rate / nominal_bytes_per_s)
    if own.overhead_s is not None:
        section["message_overhead_s"] = _rounded(own.overhead_s)
    if own.after_idle_s is not None:
        section["after_idle_s"] = _rounded(own.after_idle_s)
    return {**section, "sharing": "fair"}


def _rounded(value: float) -> float:
    """Round to four digits; less than a picosecond, or than a byte in years, becomes 0."""
    return float(f"{value:.4g}") if value > 1e-12 else 0.0
