"""The batched executor: operations that do not depend on each other run as one call on the bank of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter
from typing import Any

import torch

from ..problems.problem import Problem
from ..program import (
    INITIAL_ROW,
    Apply,
    Combine,
    Grad,
    LocalSteps,
    Op,
    Probe,
)
from .functions import apply
from .waves import Wave, waves

WAVE = 1 << 32
"""Phases between one wave of gradients and the next: more than any chain of combinations in a window."""

MANY_TERMS = 4
"""From here on a combination is a matrix product of its own."""


class Phases:
    """The earliest phase in which each operation may run: after what it reads was written, and before that is
    overwritten. Gradients run only in phases that are multiples of WAVE, so that workers whose chains of combinations
    differ in length still meet in one wave."""

    def __init__(self, rows: int):
        self.written = [0] * rows
        self.read = [0] * rows
        self.last_probe = 0

    def of(self, op: Op) -> int:
        written, read = self.written, self.read
        if isinstance(op, LocalSteps):
            first = (max(written[op.row], read[op.row]) // WAVE + 1) * WAVE
            phase = written[op.row] = read[op.row] = first + (op.steps - 1) * WAVE
        elif isinstance(op, Grad):
            earliest = max(written[op.at], written[op.out], read[op.out])
            phase = (earliest // WAVE + 1) * WAVE
            read[op.at] = max(read[op.at], phase)
            written[op.out] = phase
        elif not isinstance(op, Probe):
            reads = [row for _, row in op.terms] if isinstance(op, Combine) else op.rows
            phase = 1 + max(written[op.out], read[op.out], *[written[row] for row in reads])
            for row in reads:
                read[row] = max(read[row], phase)
            written[op.out] = phase
        else:
            phase = self.last_probe = max(self.last_probe, 1 + max(written[row] for row in op.rows))
            for row in op.rows:
                read[row] = max(read[row], phase)
        return phase


class Batched:
    """Executes windows in batches. `measure` is called at each probe, in order, with the probed rows, `(workers, dim)`,
    and its facts.

    The bank, `(rows, dim)`, grows to the largest row number that the program uses.
    """

    def __init__(self, problem: Problem, measure: Callable[[torch.Tensor, Any], None]):
        self.problem = problem
        self.measure = measure
        self.bank = problem.initial().unsqueeze(0).clone()
        assert INITIAL_ROW == 0

    def run(self, ops: Sequence[Op]) -> None:
        for batch in self._batches(ops):
            if isinstance(batch, Wave):
                batch.take(self.bank, self.problem)
                continue
            first = batch[0]
            if type(first) is Grad:
                self._grads(batch)
            elif type(first) is Combine:
                self._combines(batch, len(first.terms))
            elif type(first) is Apply:
                self._applies(batch)
            else:
                for probe in batch:
                    self.measure(self._rows(probe.rows), probe.facts)

    def values(self, rows: Sequence[int]) -> torch.Tensor:
        """Return the contents of these rows, `(rows, dim)`."""
        return self._rows(rows) if rows else self.bank[:0]

    def restore(self, rows: Sequence[int], values: torch.Tensor) -> None:
        """Set these rows to `values`, `(rows, dim)`."""
        self._grow(1 + max(rows, default=0))
        if rows:
            self.bank[self._index(rows)] = values

    def _batches(self, ops: Sequence[Op]) -> list[Any]:
        """Order `ops` so that every read comes after its write, and cut them into batches of one shape, or waves."""
        self._grow(1 + max((op.out for op in ops if not isinstance(op, Probe | LocalSteps)), default=0))
        phases = Phases(len(self.bank))
        batches: dict[tuple[int, Hashable], list[Op]] = defaultdict(list)
        local: list[tuple[int, LocalSteps]] = []
        for op in ops:
            phase = phases.of(op)
            if type(op) is LocalSteps:
                local.append((phase // WAVE - op.steps + 1, op))
                continue
            shape = len(op.terms) if type(op) is Combine else type(op.function) if type(op) is Apply else type(op)
            batches[phase, shape].append(op)
        placed: list[tuple[int, Any]] = [(phase, batch) for (phase, _), batch in batches.items()]
        placed += [(number * WAVE, wave) for number, wave in waves(local)]
        return [batch for _, batch in sorted(placed, key=itemgetter(0))]

    def _grads(self, batch: list[Grad]) -> None:
        out, at, workers, steps = zip(*batch, strict=True)
        self.bank[self._index(out)] = self.problem.gradients(self._rows(at), workers, steps)

    def _combines(self, batch: list[Combine], terms: int) -> None:
        out = self._index([op.out for op in batch])
        if not terms:
            self.bank[out] = 0
            return
        coefficients = torch.tensor(
            [[c for c, _ in op.terms] for op in batch], dtype=self.bank.dtype, device=self.bank.device
        )
        rows = [[row for _, row in op.terms] for op in batch]
        if terms > MANY_TERMS:
            self.bank[out] = torch.stack([c @ self._rows(r) for c, r in zip(coefficients, rows, strict=True)])
            return
        first, *others = zip(*rows, strict=True)
        total = self._rows(first).mul_(coefficients[:, :1])
        for term, column in enumerate(others, start=1):
            total.addcmul_(self._rows(column), coefficients[:, term : term + 1])
        self.bank[out] = total

    def _applies(self, batch: list[Apply]) -> None:
        out, functions, rows = zip(*batch, strict=True)
        values = [self._rows(column) for column in zip(*rows, strict=True)]
        self.bank[self._index(out)] = apply(functions, *values)

    def _rows(self, rows: Sequence[int]) -> torch.Tensor:
        """Return copies of these rows of the bank."""
        return self.bank.index_select(0, self._index(rows))

    def _index(self, rows: Sequence[int]) -> torch.Tensor:
        return torch.tensor(rows, device=self.bank.device)

    def _grow(self, rows: int) -> None:
        if rows > len(self.bank):
            grown = self.bank.new_empty(max(rows, len(self.bank) * 2), self.bank.shape[1])
            grown[: len(self.bank)] = self.bank
            self.bank = grown
