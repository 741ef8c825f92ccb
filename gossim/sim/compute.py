"""The compute time of each worker's gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Annotated

from ..fields import AS_TUPLE, Frozen
from ..rng import Purpose
from .delays import Law, PositiveDelay
from .stragglers import AnyStraggler, Lengthen


class ComputeSettings(Frozen):
    """`time_s`: seconds that one gradient takes, a constant or a law; `stragglers` lengthen it, one after the other."""

    time_s: PositiveDelay
    stragglers: Annotated[tuple[AnyStraggler, ...], AS_TUPLE] = ()

    def pace(self, seed: int, worker: int, workers: int) -> Callable[[float], float]:
        """From the time at which a gradient of `worker` begins to the seconds that it takes, one call a gradient.

        What is drawn for the k-th gradient is the same under every algorithm.
        """
        law = self.time_s
        drawn = law.draws(seed, Purpose.COMPUTE, worker) if isinstance(law, Law) else itertools.repeat(law)
        rules = [
            rule.lengthen(seed, number, worker)
            for number, rule in enumerate(self.stragglers)
            if rule.concerns(worker, workers, seed, number)
        ]
        work_s = drawn.__next__
        if not rules:
            return lambda now_s: work_s()
        return lambda now_s: _lengthened(work_s(), now_s, rules)


def _lengthened(seconds: float, now_s: float, rules: list[Lengthen]) -> float:
    for rule in rules:
        seconds = rule(seconds, now_s)
    return seconds
