"""The compute time of each worker's gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Annotated

from ..fields import AS_TUPLE, Frozen
from ..rng import Purpose
from .delays import ComputeTime, Law
from .stragglers import AnyStraggler, Lengthen


class ComputeSettings(Frozen):
    """`time_s`: seconds that one gradient takes, a constant, a law, or `trace`: what the trace says of each worker;
    `stragglers` lengthen it, one after the other."""

    time_s: ComputeTime
    stragglers: Annotated[tuple[AnyStraggler, ...], AS_TUPLE] = ()

    def pace(self, seed: int, worker: int, workers: int, traced_s: float | None = None) -> Callable[[float], float]:
        """From the time at which a gradient of `worker` begins to the seconds that it takes, one call a gradient.

        What is drawn for the k-th gradient is the same under every algorithm. `traced_s` is what the trace says.
        """
        law = traced_s if isinstance(self.time_s, str) else self.time_s
        assert law is not None
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
