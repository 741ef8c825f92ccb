"""Local steps of many workers, a step of each at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..problems.problem import Problem
from ..program import LocalSteps

PIECE_BYTES = 2**25
"""Of rows that are moved at once on a CPU: more memory than this is fetched anew from the system each time."""


class Wave(NamedTuple):
    """One step x ← keep · x − rate · ∇L of each of `rows`, which are in order; all arrays are `(batch,)`."""

    rows: np.ndarray
    workers: np.ndarray
    steps: np.ndarray
    keep: float
    rate: float

    def take(self, bank: torch.Tensor, problem: Problem) -> None:
        """Move these rows of the `bank`."""
        rows = len(self.rows)
        on_cpu = bank.device.type == "cpu"
        at_once = max(1, PIECE_BYTES // (bank.shape[1] * bank.element_size())) if on_cpu else rows
        for first in range(0, rows, at_once):
            piece = slice(first, first + at_once)
            part = Wave(self.rows[piece], self.workers[piece], self.steps[piece], self.keep, self.rate)
            part.take_together(bank, problem)

    def take_together(self, bank: torch.Tensor, problem: Problem) -> None:
        """The same in one call, in place where the rows lie side by side."""
        low, high = int(self.rows[0]), int(self.rows[-1]) + 1
        together = high - low == len(self.rows)
        index = None if together else torch.from_numpy(self.rows).to(bank.device)
        x = bank[low:high] if index is None else bank[index]
        gradients = problem.gradients(x, self.workers, self.steps)
        if self.keep != 1.0:
            x.mul_(self.keep)
        x.add_(gradients, alpha=-self.rate)
        if index is not None:
            bank[index] = x


def waves(planned: list[tuple[int, LocalSteps]]) -> Iterator[tuple[int, Wave]]:
    """The waves that these make up, with their numbers: each operation takes part in `count` of them, from that with
    its own number on."""
    by_rate: dict[tuple[float, float], list[tuple[int, LocalSteps]]] = {}
    for first, op in planned:
        by_rate.setdefault((op.keep, op.rate), []).append((first, op))
    for (keep, rate), own in by_rate.items():
        first, row, worker, step, count = np.array(
            [(first, op.row, op.worker, op.first, op.steps) for first, op in own], dtype=np.int64
        ).T
        nth = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
        number, rows = np.repeat(first, count) + nth, np.repeat(row, count)
        order = np.lexsort((rows, number))
        number, rows = number[order], rows[order]
        workers, steps = np.repeat(worker, count)[order], (np.repeat(step, count) + nth)[order]
        numbers, begins = np.unique(number, return_index=True)
        for which, begin, end in zip(numbers.tolist(), begins, [*begins[1:], len(number)], strict=True):
            yield which, Wave(rows[begin:end], workers[begin:end], steps[begin:end], keep, rate)
