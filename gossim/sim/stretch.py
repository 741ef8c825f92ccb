"""Local steps that nobody need be asked about, planned as one event.

Between two exchanges a worker takes steps whose times are known ahead. A `Stretch` is so many of them: one event at its
end, instead of one for each step. Whatever happens meanwhile finds the worker as if each step had been an event: what
reads its row or counts its steps brings them up to that instant first (`settle`); a message that it listens for lets it
finish the gradient that it is computing, and no more (`cut`); and a crash loses that gradient (`abandon`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import simpy

from .clock import Completion

if TYPE_CHECKING:
    from .worker import Worker


class Stretch:
    """Steps of `worker` that take `ticks` each, from now; `plain` are the numbers (c, η) of x ← cx − ηg.

    `finished` is the event to wait for. `planned` and `done`: steps, of which so many are in the program.
    """

    __slots__ = ("_end", "clock", "done", "ends", "finished", "first", "plain", "planned", "worker")

    def __init__(self, worker: Worker, ticks: np.ndarray, plain: tuple[float, float] | None):
        self.worker, self.plain = worker, plain
        self.clock = worker.world.clock
        self.first = worker.gradients
        self.ends = ticks.cumsum()
        self.ends += self.clock.now
        self.planned, self.done = len(ticks), 0
        self.finished = simpy.Event(self.clock)
        worker.gradients += 1  # begun
        worker.world.steps.ahead += self.planned
        if worker.world.learns:  # the clock alone has no rows
            worker.world.program.behind[worker.row] = self.settle
        self._plan()

    def settle(self) -> None:
        """Tell the program and the ledger of the steps that are over by now."""
        over = int(self.ends[: self.planned].searchsorted(self.clock.now, side="right"))
        if over and not self.clock.over(int(self.ends[over - 1]), self.worker.index):
            over -= 1
        if over > self.done:
            self._tell(over)

    def cut(self) -> None:
        """End it with the step that is being taken now."""
        self.settle()
        if self.done + 1 < self.planned:
            self.worker.world.steps.ahead -= self.planned - self.done - 1
            self.planned = self.done + 1
            self._plan()

    def abandon(self) -> int:
        """Give up the step that is being taken now, and all that were to come. Returns those that were taken."""
        self.settle()
        self.worker.world.steps.ahead -= self.planned - self.done
        self.worker.world.program.gradients += self.done + 1
        self._leave()
        return self.done

    def _plan(self) -> None:
        self._end = Completion(self.clock, int(self.ends[self.planned - 1]), self.worker.index)
        assert self._end.callbacks is not None
        self._end.callbacks.append(self._finish)

    def _finish(self, event: simpy.Event) -> None:
        if event is not self._end or self.worker.stretch is not self:
            return  # it was cut short, or abandoned
        if self.done < self.planned:
            self._tell(self.planned)
        self._leave()
        self.worker.world.program.gradients += self.planned
        # Whoever waits goes on within this event: one of its own would come after others of this instant.
        waiting, self.finished.callbacks = self.finished.callbacks, None  # type: ignore[assignment]
        self.finished._ok, self.finished._value = True, None
        for resume in waiting or ():
            resume(self.finished)

    def _tell(self, over: int) -> None:
        worker, begin, count = self.worker, self.done, over - self.done
        self.done = over  # first: the count of steps may end in a cut of this stretch
        if self.plain and worker.optimizer:
            worker.world.program.local_steps(worker.row, worker.index, self.first + begin, count, *self.plain)
            worker.optimizer.steps += count
        worker.taken += count
        worker.gradients = self.first + over + (over < self.planned)
        worker.world.steps.stepped_at(self.ends[begin:over])

    def _leave(self) -> None:
        self.worker.stretch = None
        self.worker.world.program.behind.pop(self.worker.row, None)
