"""Fragments: parts of a parameter vector that are exchanged one at a time."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import InputError
from ..sim.worker import Worker


class FragmentFunction(NamedTuple):
    """The numbers of fragment `number` of `parts`, and zeros elsewhere."""

    number: int
    parts: int

    def bounds(self, numbers: int) -> tuple[int, int]:
        """Return the places, of a vector of that many numbers, at which the fragment begins and ends."""
        return numbers * self.number // self.parts, numbers * (self.number + 1) // self.parts


def fragment(w: Worker, row: int, number: int, count: int) -> int:
    """Return a new row with fragment `number` of `count` of a row, and zeros elsewhere."""
    new = w.draft(row)
    if count > 1:
        w.apply(new, FragmentFunction(number, count), (new,))
    return new


def fragment_bytes(w: Worker, number: int, count: int) -> int:
    """Return the size of that fragment on the network; all of them together have the size of the vector.

    Raises:
        InputError: If a fragment is empty.
    """
    size_bytes, number_bits = w.context.message_bytes, w.context.settings.number_bits
    numbers = size_bytes * 8 // number_bits
    if count > max(1, numbers):
        raise InputError(
            f"algorithm.fragments = {count}: more than the {numbers:,} numbers of a vector of {size_bytes:,} bytes"
        )
    begin, end = FragmentFunction(number, count).bounds(numbers)
    rest = size_bytes - numbers * number_bits // 8 if number == count - 1 else 0
    return (end - begin) * number_bits // 8 + rest
