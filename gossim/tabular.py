"""CSV files that scenarios name: measurements, matrices, traces. What is wrong is told with file, line and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .errors import InputError, nearest


class Rule(NamedTuple):
    """What a number must be, in words and in fact."""

    words: str
    holds: Callable[[float], bool]


POSITIVE = Rule("a number > 0", lambda x: 0 < x < math.inf)
SECONDS = Rule("a number of seconds >= 0", lambda x: 0 <= x < math.inf)


def read_lines(file: str) -> list[list[str]]:
    """The lines of a CSV file that are not empty. Raises InputError if it cannot be read."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return rows


def read_columns(file: str, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The texts in these columns of a CSV file with a header, row by row. Raises InputError if one is not there."""
    header, *rows = read_lines(file) or [[]]
    if not rows:
        raise InputError(f"{file}: has no rows under its header")
    for column in columns:
        if column not in header:
            raise InputError(f"{file}: has no column '{column}'{nearest(column, [name for name in header if name])}")
    places = [header.index(column) for column in columns]
    return [tuple(row[place].strip() if place < len(row) else "" for place in places) for row in rows]


def number(text: str, rule: Rule, place: str) -> float:
    """The number in `text`. Raises InputError, naming `place`, unless it is what the rule says."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not rule.holds(value):
        raise InputError(f"{place}{text!r}: must be {rule.words}")
    return value


def read_numbers(file: str, columns: Sequence[str], rule: Rule) -> list[tuple[float, ...]]:
    """The numbers in these columns, row by row, each as the rule says. Raises InputError, naming line and column."""
    return [
        tuple(
            number(text, rule, f"{file}, line {line}: {column} = ") for column, text in zip(columns, row, strict=True)
        )
        for line, row in enumerate(read_columns(file, columns), start=2)
    ]
