"""Random groups of those that have none: the group generator of Prague."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import simpy

from ..cluster.collectives import Collective
from ..rng import Purpose, stream
from .context import Context
from .peers import Averaging, Member


class Groups:
    """Divides the workers that have no group into random ones, whenever one of them asks.

    Those that ask at one tick are served together, at its end. A worker that is given a group before it asks comes to
    it when it has done its steps. Asking takes no time.

    Args:
        context: Of the cluster.
        workers: All of them.
        new: Makes the all-reduce of a group, from its members' numbers, the collective and `timeout_s`.
    """

    def __init__(self, context: Context, workers: Sequence[Member], new: Callable[..., Averaging]):
        self.context = context
        self.workers = workers
        self.new = new
        self.of: dict[int, Averaging] = {}  # by the worker's number
        self._asking: dict[int, simpy.Event] = {}
        self._divisions = 0

    def ask(
        self, worker: Member, size: int, lead: int | None, collective: Collective, timeout_s: float | None
    ) -> simpy.Event:
        """Return an event whose value is the all-reduce of the worker's group. See `Worker.find_group`."""
        asked = self.context.clock.event()
        if worker.index in self.of:
            return asked.succeed(self.of[worker.index])
        if not self._asking:
            self.context.clock.at_deadline(0, lambda: self._divide(size, lead, collective, timeout_s))
        self._asking[worker.index] = asked
        return asked

    def leave(self, worker: Member) -> None:
        """`worker` is through with its group."""
        self.of.pop(worker.index, None)

    def crashed(self, worker: Member) -> None:
        """`worker` is down: its group does not hear from it again."""
        self._asking.pop(worker.index, None)
        group = self.of.pop(worker.index, None)
        if group is not None:
            group.crashed(worker)

    def _divide(self, size: int, lead: int | None, collective: Collective, timeout_s: float | None) -> None:
        asking, self._asking = self._asking, {}
        if not asking:
            return  # who asked has failed at this very tick
        least = max(self.workers[number].round for number in asking) - lead if lead is not None else 0
        idle = [w.index for w in self.workers if w.takes_part and w.index not in self.of]
        free = [number for number in idle if number in asking or self.workers[number].round >= least]
        drawn = stream(self.context.seed, Purpose.DIVISION, self._divisions).permutation(free).tolist()
        self._divisions += 1
        for start in range(0, len(drawn), size):
            members = sorted(drawn[start : start + size])
            group = self.new(members, collective, timeout_s=timeout_s)
            self.of.update(dict.fromkeys(members, group))
        for number, asked in asking.items():
            asked.succeed(self.of[number])
