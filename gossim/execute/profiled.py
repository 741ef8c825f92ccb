"""The executors with a stopwatch: the same numbers, and how long gradients, scheduling and probes took.

What else an executor does is left to the share that runs it. On a GPU every share waits until its own kernels are done,
which without a stopwatch nobody does: the shares are right, and the run is slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from ..problems.problem import Losses, Numbers, Problem
from ..profiling import Stopwatch
from ..program import Op
from .batched import Batched
from .reference import Reference

OnProbe = Callable[[torch.Tensor, Any], None]


class TimedGradients(Problem):
    """A problem whose gradients are timed."""

    def __init__(self, watch: Stopwatch, problem: Problem):
        self.watch, self.problem = watch, problem
        self.dim, self.dtype, self.device = problem.dim, problem.dtype, problem.device
        self.large_operations, self.piece_bytes = problem.large_operations, problem.piece_bytes

    @property
    def layers(self) -> dict[str, int]:
        return self.problem.layers

    def initial(self) -> torch.Tensor:
        return self.problem.initial()

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        with self.watch.share("gradients"):
            return self.problem.gradient(x, worker, step)

    def gradients(self, x: torch.Tensor, workers: Numbers, steps: Numbers) -> torch.Tensor:
        with self.watch.share("gradients"):
            return self.problem.gradients(x, workers, steps)

    def descend(self, x: torch.Tensor, workers: Numbers, steps: Numbers, keep: float, rate: float) -> None:
        with self.watch.share("gradients"):
            self.problem.descend(x, workers, steps, keep, rate)

    def losses(self, x: torch.Tensor) -> Losses:
        return self.problem.losses(x)


class ProfiledBatched(Batched):
    def __init__(self, watch: Stopwatch, problem: Problem, measure: OnProbe):
        super().__init__(TimedGradients(watch, problem), _timed(watch, measure))
        self.watch = _settling(watch, problem.device)

    def _batches(self, ops: Sequence[Op]) -> list[Any]:
        with self.watch.share("scheduling"):
            return super()._batches(ops)


class ProfiledReference(Reference):
    """A reference executor with a stopwatch; there is nothing to schedule."""

    def __init__(self, watch: Stopwatch, problem: Problem, measure: OnProbe):
        super().__init__(TimedGradients(watch, problem), _timed(watch, measure))
        _settling(watch, problem.device)


def _timed(watch: Stopwatch, measure: OnProbe) -> OnProbe:
    def timed(rows: torch.Tensor, facts: Any) -> None:
        with watch.share("probes"):
            measure(rows, facts)

    return timed


def _settling(watch: Stopwatch, device: torch.device) -> Stopwatch:
    if device.type == "cuda":
        watch.settle = partial(torch.cuda.synchronize, device)
    return watch
