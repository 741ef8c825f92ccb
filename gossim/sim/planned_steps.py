"""Local steps that nobody need be asked about, planned as one event.

Between two exchanges a worker takes steps whose times are known ahead. A `Stretch` is a run of them: one event at its
end, instead of one for each step. Whatever happens meanwhile finds the worker as if each step had been an event: what
reads its row or counts its steps brings them up to that instant first (`settle`); a message that it listens for lets it
finish the gradient that it is computing, and no more (`cut`); and a crash loses that gradient (`abandon`).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

from ..cluster.compute_time import Pace
from ..optimizers import Optimizer
from .clock import Completion
from .context import Context


class StepTaker(Protocol):
    """A worker, as its own steps see it.

    `taken` steps are counted, and `gradients` begun, of which those planned ahead are no part.
    """

    context: Context
    index: int
    row: int
    taken: int
    gradients: int
    pace: Pace
    optimizer: Optimizer | None
    stretch: Stretch | None


class OneStep(Completion):
    """The end of one step, along the row `gradient`."""

    __slots__ = ("gradient",)

    def __init__(self, worker: StepTaker, tick: int, gradient: int):
        super().__init__(worker.context.clock, tick, worker.index)
        self.gradient = gradient


class Stretch(Completion):
    """A run of `planned` consecutive local steps whose durations are already drawn, scheduled as a single event.

    If the worker learns, all are x ← cx − ηg with the same numbers. `done`: steps that are in the program.

    Step k, from 0, ends at the tick origin + sums[place + k], of the worker's pace, which stands still as long as the
    worker has this stretch: nothing else may draw from it, and it is moved on when the stretch is over.
    """

    __slots__ = ("done", "first", "origin", "planned", "worker")

    def __init__(self, worker: StepTaker, count: int):
        context, pace = worker.context, worker.pace
        self.worker, self.planned, self.done, self.first = worker, count, 0, worker.gradients
        self.origin = context.clock.now - (int(pace.sums[pace.place - 1]) if pace.place else 0)
        super().__init__(context.clock, self._end(count - 1), worker.index)
        worker.gradients += 1  # begun
        context.steps.ahead += count
        if context.learns:  # the clock alone has no rows
            context.program.behind[worker.row] = self.settle

    def settle(self) -> None:
        """Tell the program and the ledger of the steps that are over by now."""
        clock, pace = self.worker.context.clock, self.worker.pace
        begin, end = pace.place + self.done, pace.place + self.planned
        over = bisect_right(pace.sums, clock.now - self.origin, begin, end) - pace.place
        if over > self.done and not clock.over(self._end(over - 1), self.worker.index):
            over -= 1
        if over > self.done:
            self._tell(over)

    def cut(self) -> None:
        """End it with the step that is being taken now."""
        self.settle()
        if self.done + 1 < self.planned:
            self.worker.context.steps.ahead -= self.planned - self.done - 1
            self.planned = self.done + 1
            Cut(self, self._end(self.done))

    def abandon(self) -> int:
        """Give up the step that is being taken now, and all that were to come. Returns those that were taken."""
        self.settle()
        self.worker.context.steps.ahead -= self.planned - self.done
        self.worker.context.program.gradients += self.done + 1
        self._leave()
        return self.done

    def _end(self, step: int) -> int:
        """Return the tick at which that step ends."""
        pace = self.worker.pace
        return self.origin + int(pace.sums[pace.place + step])

    def come(self) -> None:
        if self.worker.stretch is not self:
            return  # it was cut short, or abandoned
        if self.done < self.planned:
            self._tell(self.planned)
        self.worker.context.program.gradients += self.planned
        self._leave()

    def _tell(self, over: int) -> None:
        worker, pace, begin, count = self.worker, self.worker.pace, self.done, over - self.done
        self.done = over  # first: the count of steps may end in a cut of this stretch
        if worker.optimizer and worker.optimizer.plain:
            program = worker.context.program
            program.local_steps(worker.row, worker.index, self.first + begin, count, *worker.optimizer.plain)
            worker.optimizer.steps += count
        worker.taken += count
        worker.gradients = self.first + over + (over < self.planned)
        worker.context.steps.stepped_at(pace.sums[pace.place + begin : pace.place + over], self.origin)

    def _leave(self) -> None:
        self.worker.stretch = None
        self.worker.context.program.behind.pop(self.worker.row, None)


class Cut(Completion):
    """The end of a stretch that was cut short: the process that waits for `stretch` continues here."""

    __slots__ = ("stretch",)

    def __init__(self, stretch: Stretch, tick: int):
        super().__init__(stretch.worker.context.clock, tick, stretch.worker.index)
        self.stretch = stretch

    def come(self) -> None:
        stretch = self.stretch
        if stretch.worker.stretch is not stretch:
            return
        stretch.come()
        # When its own time comes nobody waits for it any more.
        waiting, stretch.callbacks = stretch.callbacks, []
        for go_on in (waiting or ())[1:]:
            go_on(stretch)
