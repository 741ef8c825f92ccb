"""Buckets: the parts of a vector that are averaged as soon as the backward pass has them."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from pydantic import WithJsonSchema

from ..errors import InputError
from ..schema.fields import must

MOST_BUCKETS = 10_000

NumberOrBytes = Annotated[
    int | float,
    must(
        "a whole number from 1 to 10,000, of buckets, or the bytes of one, > 0, with a point or an exponent (25e6)",
        lambda value: 1 <= value <= MOST_BUCKETS if isinstance(value, int) else value > 0,
    ),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_BUCKETS},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        }
    ),
]
"""A whole number is a number of buckets; one with a point or an exponent is the size of a bucket, in bytes."""


class Bucket(NamedTuple):
    """One bucket. `ready_at` is the share of the gradient's time after which it is ready."""

    size_bytes: int
    ready_at: float


class Overlap(NamedTuple):
    """How the average overlaps the backward pass, which is the last `backward_share` of the gradient's time.

    Gradients come evenly during it, and buckets are filled in the order in which they come: all alike where their
    number is given; else each of the given size but the last, which has the rest.
    """

    buckets: int | float
    backward_share: float

    def parts(self, size_bytes: int) -> list[Bucket]:
        """Return the buckets of a vector of that size, in order.

        Raises:
            InputError: If these are more than 10,000, or more than there are bytes.
        """
        if isinstance(self.buckets, int):
            count = self.buckets
            ends = [size_bytes * number // count for number in range(1, count + 1)]
        else:
            count = math.ceil(size_bytes / self.buckets)
            ends = [
                min(size_bytes, math.ceil(self.buckets * number)) for number in range(1, min(count, MOST_BUCKETS) + 1)
            ]
        if count > min(MOST_BUCKETS, size_bytes):
            raise InputError(
                f"algorithm.buckets = {self.buckets:g}: {count:,} buckets of {size_bytes:,} bytes are more than "
                f"{min(MOST_BUCKETS, size_bytes):,}"
            )
        begins = [0, *ends[:-1]]
        forward = 1 - self.backward_share
        return [
            Bucket(end - begin, forward + self.backward_share * end / size_bytes)
            for begin, end in zip(begins, ends, strict=True)
        ]
