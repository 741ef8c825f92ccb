"""What the numeric plane measures at a probe."""

from __future__ import annotations

import math

import torch

from .errors import Diverged
from .observed import Observations
from .problems.problem import Problem
from .sim.world import Facts


class Recorder:
    """Measures probed rows and adds them to `observed`."""

    def __init__(self, problem: Problem, observed: Observations):
        self.problem = problem
        self.observed = observed

    def measure(self, rows: torch.Tensor, facts: Facts) -> None:
        """Record a probe of `rows`, `(workers, dim)` or, with a server's, `(workers + 1, dim)`: distances from the mean
        of the workers that take part, and losses of this mean or of the server's parameters.

        Raises Diverged, and records nothing, if it is not finite."""
        present = facts.participants
        # As offsets from the first: equal rows are then at a distance of exactly 0, whatever their number.
        first = rows[present[0]].double()
        model = rows[-1] if facts.served else None
        rows = rows[: len(facts.workers)]
        offsets = rows.double() - first
        drift = (offsets if len(present) == len(rows) else offsets[present]).mean(dim=0)
        mean = first + drift
        distances = torch.linalg.vector_norm(offsets - drift, dim=1).tolist()
        losses = self.problem.losses(mean.to(rows.dtype) if model is None else model)
        numbers = [*distances, *(value for value in losses if value is not None)]
        if not all(math.isfinite(number) for number in numbers):
            raise Diverged(facts.time_s, facts.gradient_steps)
        self.observed.add(facts, distances, losses._asdict())
