"""Which workers a rule of the scenario concerns."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from pydantic import model_validator

from ..fields import Frozen, Indices, Probability
from ..rng import Purpose, stream
from ..validation import broken


class Chosen(Frozen):
    """`workers` by their numbers, or a `fraction` of the arm's workers, drawn anew for each seed; all, if neither."""

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
        return self

    def concerns(self, worker: int, workers: int, seed: int, number: int) -> bool:
        """Whether `worker`, of so many, is one of those; `number` counts the rules of the scenario."""
        if self.workers is not None:
            return worker in self.workers
        if self.fraction is None:
            return True
        return worker in _drawn(self.fraction, workers, seed, self.purpose, number)


@lru_cache(maxsize=8)
def _drawn(fraction: float, workers: int, seed: int, purpose: Purpose, number: int) -> frozenset[int]:
    permutation = stream(seed, purpose, number).permutation(workers)
    return frozenset(permutation[: round(fraction * workers)].tolist())
