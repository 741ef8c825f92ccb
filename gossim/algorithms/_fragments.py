"""Fragments: parts of a parameter vector that are exchanged one at a time; their norms and directions."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import InputError
from ..schema.violations import broken_at
from ..sim.node import Node


class FragmentFunction(NamedTuple):
    """The numbers of fragment `number` of `parts`, and zeros elsewhere."""

    number: int
    parts: int

    def bounds(self, numbers: int) -> tuple[int, int]:
        """Return the places, of a vector of that many numbers, at which the fragment begins and ends."""
        return numbers * self.number // self.parts, numbers * (self.number + 1) // self.parts


class UnitFunction(NamedTuple):
    """v/‖v‖; 0 where v = 0."""


class NormFunction(NamedTuple):
    """‖v‖ at every place."""


class ProductFunction(NamedTuple):
    """u v, place by place."""


def refuse_uneven(fragments: int, period: int) -> None:
    """Raise pydantic's error unless each fragment is due equally often in a period."""
    if period % fragments:
        raise broken_at(("fragments",), fragments, f"must divide the period, {period}")


def fragment(node: Node, row: int, number: int, count: int) -> int:
    """Return a new row with fragment `number` of `count` of a row, and zeros elsewhere."""
    new = node.draft(row)
    if count > 1:
        node.apply(new, FragmentFunction(number, count), (new,))
    return new


def fragment_bytes(node: Node, number: int, count: int) -> int:
    """Return the size of that fragment on the network; all of them together have the size of the vector.

    Raises:
        InputError: If a fragment is empty.
    """
    size_bytes, number_bits = node.context.message_bytes, node.context.settings.number_bits
    numbers = size_bytes * 8 // number_bits
    if count > max(1, numbers):
        raise InputError(
            f"algorithm.fragments = {count}: more than the {numbers:,} numbers of a vector of {size_bytes:,} bytes"
        )
    begin, end = FragmentFunction(number, count).bounds(numbers)
    rest = size_bytes - numbers * number_bits // 8 if number == count - 1 else 0
    return (end - begin) * number_bits // 8 + rest
