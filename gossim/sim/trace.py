"""Devices as somebody measured them: how fast each computes, sends and receives."""

from __future__ import annotations

import re
from typing import NamedTuple

from pydantic import model_validator

from .. import trust
from ..errors import InputError
from ..fields import Count, Frozen
from ..tabular import POSITIVE, read_numbers, remembered
from ..validation import broken, broken_at

BITS, MILLI = 8, 1e-3

OTHER_TIMES = re.compile(r"(^|[_ (\[])(s|secs?|seconds?|us|ns|min|minutes?)([_ )\]/]|$)", re.IGNORECASE)
OTHER_RATES = re.compile(r"[kmg]i?b(it)?s?([_ /]?p|$)|kilo|mega|giga|byte", re.IGNORECASE)
"""Column names that say that they are in another unit."""


class Device(NamedTuple):
    """One row of a trace, in gossim's units."""

    s_per_sample: float
    upload_bytes_per_s: float
    download_bytes_per_s: float


class Trace(Frozen):
    """A CSV file with a header and one row per worker, in the units in which device traces are published: milliseconds
    per sample, bits per second. Row m, from 0, is worker m; an arm with fewer workers takes the first.

    `ms_per_sample`, `upload_bits_per_s`, `download_bits_per_s`: the names of the columns that hold these numbers.
    `samples_per_gradient`: how many samples a gradient takes; null means the problem's batch_size.
    It is used where `compute.time_s` or `network.bandwidth_bytes_per_s` is the word `trace`.
    """

    file: str
    ms_per_sample: str = "ms_per_sample"
    upload_bits_per_s: str = "upload_bits_per_s"
    download_bits_per_s: str = "download_bits_per_s"
    samples_per_gradient: Count | None = None

    @model_validator(mode="after")
    def _in_these_units(self) -> Trace:
        for key, other in (
            ("ms_per_sample", OTHER_TIMES),
            ("upload_bits_per_s", OTHER_RATES),
            ("download_bits_per_s", OTHER_RATES),
        ):
            column, unit = getattr(self, key), "milliseconds" if other is OTHER_TIMES else "bits per second"
            if other.search(column.replace("_per_sample", "").replace("_per_s", "")):
                raise broken_at((key,), column, f"says another unit than {unit}; convert it in the file")
        return self

    @model_validator(mode="after")
    def _can_be_read(self) -> Trace:
        if not trust.present().files:
            return self
        try:
            self.devices()
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def devices(self) -> tuple[Device, ...]:
        """All rows of the file."""
        return _read(self.file, self.ms_per_sample, self.upload_bits_per_s, self.download_bits_per_s)

    def unfit(self, workers: int) -> str | None:
        count = len(self.devices())
        return f"{self.file} has {count} rows, and there are {workers} workers" if count < workers else None


@remembered
def _read(file: str, ms_per_sample: str, upload: str, download: str) -> tuple[Device, ...]:
    rows = read_numbers(file, (ms_per_sample, upload, download), POSITIVE)
    return tuple(Device(ms * MILLI, up / BITS, down / BITS) for ms, up, down in rows)
