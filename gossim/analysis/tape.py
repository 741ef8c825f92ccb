"""A whole program, kept so that it can be walked backwards."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Sequence

from ..errors import InputError
from ..program import INITIAL_ROW, Apply, Grad, Op, Probe, expanded

LARGEST_TAPE = 20_000_000
"""Operations and the terms that they read, together. Measured for GoSGD, 4.6 million gradients: 0.4 GB beside what
Python and its libraries take, 0.7 GB with the tables, and a minute or two."""

APPLIES = "an operation that is not linear in parameters and gradients, so that no gradient has a coefficient"


class NoWeights(InputError):
    """An arm whose gradients have no weights, or too many to be kept, or no model to enter."""


class Tape:
    """A whole program, kept in 12 bytes for each operation and 12 for each term.

    A gradient counts as used when one of `parameters`, the rows of workers and servers, first receives it, directly
    or through sums and messages.
    """

    def __init__(self, parameters: Collection[int], limit: int = LARGEST_TAPE):
        self.parameters = frozenset(parameters)
        self.limit = limit
        self.outs = array("i")
        self.ends = array("q")  # of each operation's terms
        self.rows, self.factors = array("i"), array("d")
        self.gradients = array("q")  # which operations they are
        self.workers, self.steps = array("i"), array("q")
        self.time_s, self.used_s = array("d"), array("d")
        self.length = 0  # up to the last probe
        self.probe: Probe | None = None
        self._unused: dict[int, tuple[int, ...]] = {}  # by row, the gradients in it that may not have been used yet

    def record(self, ops: Iterable[Op], now_s: float) -> None:
        """Record the operations that were emitted at `now_s`.

        Raises:
            NoWeights: If one cannot be walked back, or there are too many.
        """
        for op in expanded(ops):
            if isinstance(op, Probe):
                self.probe, self.length = op, len(self.outs)
                continue
            if isinstance(op, Apply):
                what = type(op.function).__name__
                raise NoWeights(f"its program has {APPLIES} ({what}: Adam, compression and fragments have such)")
            if isinstance(op, Grad):
                self._gradient(op, now_s)
            else:
                for factor, row in op.terms:
                    self.rows.append(row)
                    self.factors.append(factor)
                self._follow(op.out, op.terms, now_s)
            self.outs.append(op.out)
            self.ends.append(len(self.rows))
        if len(self.outs) + len(self.rows) > self.limit:
            raise NoWeights(
                f"its program is too long to be kept whole: after {len(self.gradients):,} gradients, at {now_s:g} s, "
                f"it has more than {self.limit:,} operations and terms (a gradient takes four or more, and a probe two "
                "for each worker); make `until` shorter, or probe more seldom"
            )

    def _gradient(self, op: Grad, now_s: float) -> None:
        self._unused[op.out] = (len(self.gradients),)
        self.gradients.append(len(self.outs))
        self.workers.append(op.worker)
        self.steps.append(op.step)
        self.time_s.append(now_s)
        self.used_s.append(math.nan)

    def _follow(self, out: int, terms: Iterable[tuple[float, int]], now_s: float) -> None:
        """Follow the gradients that are not used yet through `out` ← Σ coefficient · row over `terms`."""
        carried = dict.fromkeys(g for _, row in terms if row in self._unused for g in self._unused_in(row))
        if out in self.parameters:
            for gradient in carried:
                self.used_s[gradient] = now_s
        elif carried:
            self._unused[out] = tuple(carried)
        else:
            self._unused.pop(out, None)

    def _unused_in(self, row: int) -> tuple[int, ...]:
        left = tuple(gradient for gradient in self._unused[row] if math.isnan(self.used_s[gradient]))
        if left:
            self._unused[row] = left
        else:
            del self._unused[row]  # of a mean that a thousand workers read, only the first looks through all
        return left

    def walk_back(self, terms: Sequence[tuple[float, int]]) -> tuple[Sequence[float], float]:
        """Return the coefficients of gradients in Σ coefficient · row over `terms`, for the rows of the last probe.

        Returns:
            The coefficient of each gradient, and that of x^0.
        """
        owed = [0.0] * (1 + max(self.outs, default=INITIAL_ROW))
        for coefficient, row in terms:
            owed[row] += coefficient
        found = array("d", bytes(8 * len(self.gradients)))
        gradient = len(self.gradients) - 1
        outs, ends, rows, factors = self.outs, self.ends, self.rows, self.factors
        for number in range(len(outs) - 1, -1, -1):
            here = gradient >= 0 and self.gradients[gradient] == number
            gradient -= here
            coefficient = owed[outs[number]]
            if coefficient == 0.0 or number >= self.length:
                continue
            owed[outs[number]] = 0.0
            if here:
                found[gradient + 1] = coefficient
                continue
            for term in range(ends[number - 1] if number else 0, ends[number]):
                owed[rows[term]] += factors[term] * coefficient
        return found, owed[INITIAL_ROW]
