"""Local steps of many workers, a step of each at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..problems.problem import Problem
from ..program import LocalSteps

ALL = 2**62
"""On a GPU: every call costs, and there is memory."""


class Wave(NamedTuple):
    """One step x ← keep · x − rate · ∇L of each of `rows`, which are in order; all arrays are `(batch,)`."""

    rows: np.ndarray
    workers: np.ndarray
    steps: np.ndarray
    keep: float
    rate: float

    def take(self, bank: torch.Tensor, problem: Problem) -> None:
        """Move these rows of the `bank`: those that lie side by side in place, the others by way of a copy."""
        on_cpu = bank.device.type == "cpu"
        row_bytes = bank.shape[1] * bank.element_size()
        at_once = max(1, problem.piece_bytes // row_bytes) if on_cpu else ALL
        for piece, together in pieces(self.rows, at_once):
            rows, step = self.rows[piece], (self.workers[piece], self.steps[piece], self.keep, self.rate)
            if together:
                problem.descend(bank[int(rows[0]) : int(rows[-1]) + 1], *step)
                continue
            index = torch.from_numpy(rows).to(bank.device)
            x = bank.index_select(0, index)
            problem.descend(x, *step)
            bank.index_copy_(0, index, x)


def pieces(rows: np.ndarray, at_once: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Return the places of `rows`, at most `at_once` at a time, and whether the rows there are numbered consecutively.
    Of several such runs, those that fill a quarter of a piece get their own.
    """
    side_by_side = int(rows[-1] - rows[0]) + 1 == len(rows)
    if len(rows) <= at_once and (side_by_side or 4 * len(rows) < at_once):
        yield np.arange(len(rows)), side_by_side  # as below, at once: small waves are many
        return
    runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1)
    together = [len(runs) == 1 or 4 * len(run) >= at_once for run in runs]
    scattered = [run for run, alone in zip(runs, together, strict=True) if not alone]
    for run in itertools.compress(runs, together):
        for piece in _split(run, at_once):
            yield piece, True
    for piece in _split(np.concatenate([*scattered, runs[0][:0]]), at_once):
        yield piece, False


def _split(places: np.ndarray, at_once: int) -> list[np.ndarray]:
    """Split into as few parts as possible, of nearly equal length."""
    return np.array_split(places, -(-len(places) // at_once)) if len(places) else []


def waves(planned: list[tuple[int, LocalSteps]]) -> Iterator[tuple[int, Wave]]:
    """Return the waves that these operations form, with their numbers. Each operation takes part in `steps` of them,
    starting with the one of its own number.
    """
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
