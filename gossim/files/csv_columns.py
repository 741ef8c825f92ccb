"""CSV files that scenarios name: measurements, matrices, traces. Errors name file, line and column."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from ..errors import InputError, nearest
from ..schema.fields import LARGEST_NUMBER
from .column_units import stated

T = TypeVar("T")


class Rule(NamedTuple):
    """A rule for a number: its words, and a function that checks it."""

    words: str
    holds: Callable[[float], bool]


POSITIVE = Rule("a number > 0, at most 1e100", lambda x: 0 < x <= LARGEST_NUMBER)
SECONDS = Rule("a number of seconds >= 0, at most 1e100", lambda x: 0 <= x <= LARGEST_NUMBER)


def remembered(read: Callable[..., T]) -> Callable[..., T]:
    """Call `read(file, ...)` once per state of each file, and again when the file has changed."""
    known: dict[tuple[Any, ...], T] = {}

    @wraps(read)
    def again(file: str, *more: Any) -> T:
        try:
            stat = os.stat(file)
        except (OSError, ValueError):
            return read(file, *more)
        state = (os.path.realpath(file), stat.st_mtime_ns, stat.st_size, more)
        if state not in known:
            known[state] = read(file, *more)
        return known[state]

    return again


def refuse_pipes(file: str) -> None:
    """Raise InputError for what is there and is no ordinary file: to read it might never end."""
    if os.path.exists(file) and not os.path.isfile(file):
        raise InputError(f"{file}: cannot be read: it is no ordinary file")


def read_lines(file: str) -> list[tuple[int, list[str]]]:
    """Return the non-empty lines of a CSV file, each with its number. Raises InputError if it cannot be read."""
    refuse_pipes(file)
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)  # else what follows a closing quote would be taken in
            return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: is no CSV: {error}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_columns(
    file: str, columns: Sequence[str], may_be_empty: Sequence[str] = ()
) -> list[tuple[int, tuple[str, ...]]]:
    """Return the texts in these columns of a CSV file with a header, row by row, each with its line number.

    Args:
        may_be_empty: Columns in which an empty cell means something, so that each row must have the cell.

    Raises:
        InputError: Where a column is not there or is there twice, or a row has more cells than the header: what is in
            which column is then a guess.
    """
    (_, header), *rows = read_lines(file) or [(1, [])]
    if not rows:
        raise InputError(f"{file}: has no rows under its header")
    header = [name.strip() for name in header]
    for column in columns:
        if column not in header:
            raise InputError(f"{file}: has no column '{column}'{_other(column, header)}")
        if header.count(column) > 1:
            raise InputError(f"{file}: has {header.count(column)} columns '{column}'; which is meant?")
    places = [header.index(column) for column in columns]
    for line, row in rows:
        needed = max((header.index(column) + 1 for column in may_be_empty), default=0)
        if len(row) < needed or any(cell.strip() for cell in row[len(header) :]):
            raise InputError(f"{file}, line {line}: has {len(row)} cells, and the header has {len(header)}")
    return [(line, tuple(row[place].strip() if place < len(row) else "" for place in places)) for line, row in rows]


def _other(column: str, header: Sequence[str]) -> str:
    """Return a hint at the column that may have been meant, never one in another unit."""
    units = stated(column).units
    alike = [name for name in header if name and (not units or stated(name).units in ((), units))]
    if not alike and any(header):
        return f"; valid: {', '.join(name for name in header if name)}"
    return nearest(column, alike)


def number(text: str, rule: Rule, place: str) -> float:
    """Return the number in `text`. Raises InputError, naming `place`, if it breaks the rule."""
    try:
        value = math.nan if "_" in text else float(text)  # Python reads 1_0 as ten; other programs do not write so
    except ValueError:
        value = math.nan
    if not rule.holds(value):
        raise InputError(f"{place}{text!r}: must be {rule.words}")
    return value


def read_numbers(file: str, columns: Sequence[str], rule: Rule) -> list[tuple[float, ...]]:
    """Return the numbers in these columns, row by row. Raises InputError, naming line and column, if one breaks the
    rule.
    """
    return [
        tuple(
            number(text, rule, f"{file}, line {line}: {column} = ") for column, text in zip(columns, row, strict=True)
        )
        for line, row in read_columns(file, columns)
    ]
