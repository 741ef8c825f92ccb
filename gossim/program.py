"""The program: what the timing plane tells the numeric plane to do, in order, on numbered rows.

A row is one parameter vector of shape `(dim,)`. Three operations carry every linear algorithm, and `Apply` what is not
linear. The timing plane only ever handles row *numbers*; it never sees a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

PROBED_ROWS, MANY_PROBES = 2**17, 16
"""A window ends when probes have looked at that many rows in it, and that many probes at these."""

INITIAL_ROW = 0
"""The row that holds the initial parameters x⁰ when a program starts; the program itself copies it to the workers."""


class Grad(NamedTuple):
    """row `out` ← ∇L at row `at`, on the minibatch of `worker`'s `step`-th gradient."""

    out: int
    at: int
    worker: int
    step: int


class LocalSteps(NamedTuple):
    """`steps` times row ← keep · row − rate · ∇L at row, on `worker`'s minibatches from the `first` on.

    The same as a `Grad` and a `Combine` for each, in one operation: see `expanded`.
    """

    row: int
    worker: int
    first: int
    steps: int
    keep: float
    rate: float

    def expanded(self) -> Iterator[Grad | Combine]:
        """Return one operation at a time, through a row that nothing else uses."""
        gradient = -1 - self.row
        for step in range(self.first, self.first + self.steps):
            yield Grad(gradient, self.row, self.worker, step)
            yield Combine(self.row, ((self.keep, self.row), (-self.rate, gradient)))


class Combine(NamedTuple):
    """row `out` ← Σ coefficient · row over `terms`, `(coefficient, row)` each; the empty sum is the zero vector."""

    out: int
    terms: tuple[tuple[float, int], ...]


class Apply(NamedTuple):
    """row `out` ← f(rows), for an f that is not linear; `out` may be one of `rows`.

    `function` names f and its parameters: a NamedTuple of plain values, none of which depends on what a row holds. Its
    type says how many rows there are; what it computes, on many rows at once, is in `gossim.execute.functions`.
    """

    out: int
    function: tuple[Any, ...]
    rows: tuple[int, ...]


class Probe(NamedTuple):
    """Measure `rows` (the workers' parameters, in order) as they stand here. `facts` is passed on untouched."""

    rows: tuple[int, ...]
    facts: Any


Op = Grad | LocalSteps | Combine | Apply | Probe


def expanded(ops: Iterable[Op]) -> Iterator[Grad | Combine | Apply | Probe]:
    """Return the same program with every `LocalSteps` expanded."""
    for op in ops:
        if isinstance(op, LocalSteps):
            yield from op.expanded()
        else:
            yield op


class RowError(RuntimeError):
    """A row was used after it was freed, or read before anything was written to it: a defect in an algorithm."""


class Rows:
    """Hands out row numbers and takes them back, counting how many hold each.

    A freed row is used again only in a later window: within one, reuse would make unrelated operations wait for each
    other and so split a batch. Rows are bounded by those in use plus those that one window frees, however long the run.
    """

    def __init__(self) -> None:
        self.holders: list[int] = []
        self.written: list[bool] = []
        self.freed: list[int] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """Return the number of rows ever needed: the height of the bank."""
        return len(self.holders)

    def wrote(self, row: int) -> None:
        """Note that `row` is written, and may be read from now on."""
        if not self.holders[row]:
            self.require_held(row)
        self.written[row] = True

    def begin_window(self) -> None:
        """Allow reuse of the rows that were freed until now."""
        self._free += reversed(self.freed)
        self.freed = []

    def allocate(self) -> int:
        """Return a row held once, with nothing written to it yet."""
        if self._free:
            row = self._free.pop()
            self.holders[row] = 1
            self.written[row] = False
            return row
        self.holders.append(1)
        self.written.append(False)
        return len(self.holders) - 1

    def hold(self, row: int, holders: int = 1) -> None:
        """Add holders to a row in use; each will `release` it."""
        self.require_held(row)
        self.holders[row] += holders

    def release(self, row: int) -> None:
        """Give up one hold; the last one frees the row."""
        self.require_held(row)
        self.holders[row] -= 1
        if not self.holders[row]:
            self.freed.append(row)

    def give_back(self, row: int) -> bool:
        """Return whether the caller holds `row` alone, and so may reuse it; its content is read no more."""
        if self.holders[row] != 1:
            return False
        self.written[row] = False
        return True

    def require_held(self, row: int) -> None:
        if not self.holders[row]:
            raise RowError(f"row {row} was used after it was freed")

    def require_readable(self, row: int) -> None:
        if not (self.holders[row] and self.written[row]):
            self.require_held(row)
            raise RowError(f"row {row} was read before it was written")


class NoRows(Rows):
    """The rows of a clock that runs alone: there are none."""

    def allocate(self) -> int:
        return 0

    def wrote(self, row: int) -> None: ...
    def hold(self, row: int, holders: int = 1) -> None: ...
    def release(self, row: int) -> None: ...
    def give_back(self, row: int) -> bool:
        return False


class Program:
    """The operations emitted since the last `take`, checked as they come: no row is read after it was freed."""

    def __init__(self, rows: Rows | None = None) -> None:
        self.rows = Rows() if rows is None else rows
        self.ops: list[Op] = []
        self.gradients = 0
        self.behind: dict[int, Callable[[], None]] = {}  # rows whose steps are planned: brings them up to now
        self._probed = self._of_a_probe = 0  # rows that probes have freed in this window, and that the last one has
        self.rows.wrote(self.rows.allocate())  # the initial row

    def grad(self, out: int, at: int, worker: int, step: int) -> None:
        self._read(at)
        self._write(out)
        self.gradients += 1
        self.ops.append(Grad(out, at, worker, step))

    def local_steps(self, row: int, worker: int, first: int, steps: int, keep: float, rate: float) -> None:
        """Emit local steps. They are not counted among the gradients of this window, because they may be emitted in
        parts: see `World.windows`.
        """
        self.rows.require_readable(row)
        self.ops.append(LocalSteps(row, worker, first, steps, keep, rate))

    def combine(self, out: int, terms: Sequence[tuple[float, int]]) -> None:
        for _, row in terms:
            self._read(row)
        self._write(out)
        self.ops.append(Combine(out, tuple(terms)))

    def apply(self, out: int, function: tuple[Any, ...], rows: Sequence[int]) -> None:
        for row in rows:
            self._read(row)
        self._write(out)
        self.ops.append(Apply(out, function, tuple(rows)))

    def copy(self, row: int) -> int:
        """Return a new row with the present content of `row`."""
        out = self.rows.allocate()
        self.combine(out, ((1.0, row),))
        return out

    def probe(self, rows: Sequence[int], facts: Any) -> None:
        for row in rows:
            self._read(row)
        self.ops.append(Probe(tuple(rows), facts))

    def probe_copies(self, rows: Iterable[int], facts: Any) -> None:
        """Emit a probe of copies, so that a row can be overwritten without waiting until all others have come this
        far.
        """
        copies = [self.copy(row) for row in rows]
        self.probe(copies, facts)
        for copy in copies:
            self.rows.release(copy)
        self._of_a_probe = len(copies)
        self._probed += len(copies)

    def is_full(self, gradients: int, freed_rows: int) -> bool:
        """Return whether this window has that many gradients, or has freed that many rows. Copies for probes are
        counted apart, up to as many again. Very many probes fill it too: what is known at each of them is in memory.
        """
        if self._probed >= PROBED_ROWS and self._probed > MANY_PROBES * self._of_a_probe:
            return True
        freed = len(self.rows.freed)
        return self.gradients >= gradients or freed - self._probed >= freed_rows or freed >= 2 * freed_rows

    def take(self) -> list[Op]:
        """Return all operations since the last call, in an order that keeps every read after its write."""
        taken, self.ops, self.gradients, self._probed = self.ops, [], 0, 0
        self.rows.begin_window()
        return taken

    def _read(self, row: int) -> None:
        if row in self.behind:
            self.behind[row]()
        self.rows.require_readable(row)

    def _write(self, row: int) -> None:
        if row in self.behind:
            raise RowError(f"row {row} was written while its worker takes local steps: take them one by one")
        self.rows.wrote(row)


class NoProgram(Program):
    """The program of a clock that runs alone: gradients are counted and probes kept, nothing else."""

    def __init__(self) -> None:
        super().__init__(NoRows())

    def grad(self, out: int, at: int, worker: int, step: int) -> None:
        self.gradients += 1

    def local_steps(self, row: int, worker: int, first: int, steps: int, keep: float, rate: float) -> None: ...
    def combine(self, out: int, terms: Sequence[tuple[float, int]]) -> None: ...
    def apply(self, out: int, function: tuple[Any, ...], rows: Sequence[int]) -> None: ...

    def copy(self, row: int) -> int:
        return row

    def probe_copies(self, rows: Iterable[int], facts: Any) -> None:
        self.ops.append(Probe((), facts))
        self._of_a_probe = len(facts.by_worker.steps)
        self._probed += self._of_a_probe
