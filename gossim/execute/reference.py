"""The reference executor: one operation at a time, in the order of events. The fast one is tested against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..problems.problem import Problem
from ..program import (
    INITIAL_ROW,
    Apply,
    Combine,
    Grad,
    Op,
    Probe,
    expanded,
)
from .functions import apply


class Reference:
    """Executes one operation at a time. `measure` is called at each probe with the probed rows, `(workers, dim)`, and
    its facts.
    """

    def __init__(self, problem: Problem, measure: Callable[[torch.Tensor, Any], None]):
        self.problem = problem
        self.measure = measure
        self.rows = {INITIAL_ROW: problem.initial()}

    def run(self, ops: Sequence[Op]) -> None:
        rows = self.rows
        for op in expanded(ops):
            match op:
                case Grad(out, at, worker, step):
                    rows[out] = self.problem.gradient(rows[at], worker, step)
                case Combine(out, terms):
                    total = torch.zeros_like(rows[INITIAL_ROW])
                    for coefficient, row in terms:
                        total = total + coefficient * rows[row]
                    rows[out] = total
                case Apply(out, function, read):
                    rows[out] = apply([function], *[rows[row].unsqueeze(0) for row in read])[0]
                case Probe(probed, facts):
                    self.measure(torch.stack([rows[row] for row in probed]), facts)

    def values(self, rows: Sequence[int]) -> torch.Tensor:
        """Return the contents of these rows, `(rows, dim)`."""
        return torch.stack([self.rows[row] for row in rows])

    def restore(self, rows: Sequence[int], values: torch.Tensor) -> None:
        """Set these rows to `values`, `(rows, dim)`."""
        self.rows |= dict(zip(rows, values, strict=True))
