"""Devices as somebody measured them: how fast each computes, sends and receives."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import model_validator

from ..errors import InputError
from ..files import trust
from ..files.column_units import RATE, TIME, UNITS, refusal, unit_of
from ..files.csv_columns import POSITIVE, read_numbers, remembered
from ..schema.fields import Count, Frozen
from ..schema.violations import broken, broken_at


class Device(NamedTuple):
    """One row of a trace, in gossim's units."""

    s_per_sample: float
    upload_bytes_per_s: float
    download_bytes_per_s: float


class TraceUnits(Frozen):
    """The units of a trace's columns, where they differ from those in the keys' names: a unit of time, such as `us`,
    and two rates, such as `Mbit/s` or `kB/s`.
    """

    ms_per_sample: Annotated[str, unit_of(TIME)] | None = None
    upload_bits_per_s: Annotated[str, unit_of(RATE)] | None = None
    download_bits_per_s: Annotated[str, unit_of(RATE)] | None = None


COLUMNS = {"ms_per_sample": "ms", "upload_bits_per_s": "bit/s", "download_bits_per_s": "bit/s"}
"""The keys that name a column, and the unit of each."""


class Trace(Frozen):
    """A CSV file with a header and one row per worker, in the units of published device traces: milliseconds per sample
    and bits per second. Row m, from 0, is worker m; an arm with fewer workers takes the first rows.

    `ms_per_sample`, `upload_bits_per_s`, `download_bits_per_s`: the names of the columns that hold these numbers. A
    name must state that unit, unless `units` says in which the column is: then its numbers are converted.
    `samples_per_gradient`: how many samples a gradient takes; null means the problem's batch_size.
    It is used where `compute.time_s` or `network.bandwidth_bytes_per_s` is the word `trace`.
    """

    file: str
    ms_per_sample: str = "ms_per_sample"
    upload_bits_per_s: str = "upload_bits_per_s"
    download_bits_per_s: str = "download_bits_per_s"
    units: TraceUnits = TraceUnits()
    samples_per_gradient: Count | None = None

    @model_validator(mode="after")
    def _in_these_units(self) -> Trace:
        for key, wanted in COLUMNS.items():
            column, unit = getattr(self, key), getattr(self.units, key)
            wrong = refusal(column, self.file, wanted, unit, f"units: {{{{{key}: {{}}}}}}")
            if wrong:
                raise broken_at((key,), column, wrong)
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
        """Return all rows of the file."""
        columns = tuple(getattr(self, key) for key in COLUMNS)
        factors = tuple(UNITS[getattr(self.units, key) or wanted].factor for key, wanted in COLUMNS.items())
        return _read(self.file, columns, factors)

    def unfit(self, workers: int) -> str | None:
        count = len(self.devices())
        return f"{self.file} has {count} rows, and there are {workers} workers" if count < workers else None


@remembered
def _read(file: str, columns: tuple[str, ...], factors: tuple[float, ...]) -> tuple[Device, ...]:
    rows = read_numbers(file, columns, POSITIVE)
    return tuple(Device(*(number * factor for number, factor in zip(row, factors, strict=True))) for row in rows)
