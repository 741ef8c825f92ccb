"""Which workers a rule of the scenario concerns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

from pydantic import model_validator

from ..rng import Purpose, stream
from ..schema.fields import Frozen, Indices, Probability
from ..schema.violations import broken, broken_at


class Chosen(Frozen):
    """`workers` by their numbers, or a `fraction` of the arm's workers, drawn for each seed; all, if neither is given.

    A fraction of M workers is ⌊fraction · M + ½⌋ of them, for the fraction as it is written: halves round up.
    """

    workers: Indices | None = None
    fraction: Probability | None = None
    everyone: ClassVar[bool] = True
    """Whether leaving out both means all workers; where it does not, one must be given."""
    purpose: ClassVar[Purpose]
    """Names the stream from which a fraction is drawn."""

    @model_validator(mode="after")
    def _who(self) -> Chosen:
        if self.workers is not None and self.fraction is not None:
            raise broken("must have workers or fraction, not both")
        if self.workers is None and self.fraction is None and not self.everyone:
            raise broken("must have workers or fraction")
        twice = next((worker for worker, times in Counter(self.workers or ()).items() if times > 1), None)
        if twice is not None:
            raise broken_at(("workers",), list(self.workers or ()), f"worker {twice} stands here twice")
        return self

    def count(self, workers: int) -> int:
        """Return how many of `workers` workers are chosen."""
        if self.workers is not None:
            return sum(worker < workers for worker in self.workers)
        return workers if self.fraction is None else share(self.fraction, workers)

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        first = next((worker for worker in self.workers or () if worker >= workers), None)
        return None if first is None else f"workers has {first}"

    def concerns(self, worker: int, workers: int, seed: int, number: int) -> bool:
        """Return whether `worker`, of `workers`, is chosen; `number` is the place of the rule in the scenario."""
        if self.workers is not None:
            return worker in self.workers
        if self.fraction is None:
            return True
        return worker in _drawn(self.fraction, workers, seed, self.purpose, number)


@lru_cache(maxsize=8)
def _drawn(fraction: float, workers: int, seed: int, purpose: Purpose, number: int) -> frozenset[int]:
    permutation = stream(seed, purpose, number).permutation(workers)
    return frozenset(permutation[: share(fraction, workers)].tolist())


def share(fraction: float, workers: int) -> int:
    """Return ⌊fraction · workers + ½⌋ for the decimal fraction in the scenario: 0.145 of 100 is 14.5, so 15."""
    return math.floor(Fraction(repr(fraction)) * workers + Fraction(1, 2))


def from_one(numbers: Collection[int], workers: int) -> str:
    """Return a hint that a file seems to number the workers from 1, or an empty text."""
    looks_so = 0 not in numbers and max(numbers, default=0) == workers
    return " (are they numbered from 1 here?)" if looks_so else ""
