"""The kinds of value that a scenario is made of, and how broken rules are reported.

The types that an algorithm of your own can give to its parameters are public here.
"""

from .fields import (
    Count,
    Counts,
    Fraction01,
    Index,
    Indices,
    Lasting,
    NonNegative,
    Positive,
    PositiveQuantity,
    Probability,
    Quantity,
    SomeProbability,
    Timeout,
)

__all__ = [
    "Count",
    "Counts",
    "Fraction01",
    "Index",
    "Indices",
    "Lasting",
    "NonNegative",
    "Positive",
    "PositiveQuantity",
    "Probability",
    "Quantity",
    "SomeProbability",
    "Timeout",
]
