from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from ..schema.bounds import Bounds
from ..schema.fields import AS_WHOLE, Count, Index
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import WithCollective


class Prague(WithCollective):
    """Prague: partial all-reduce in random groups, made anew of those that have none, so that few wait for a slow one.

    After `period` steps a worker asks for a group. If it has none, all that have none are divided at random into groups
    of `group_size` (the last may be smaller). A worker comes to its group when it has done its steps; when all of the
    group have come, they take the mean of their x, and have no group any more.

    With `lead` k, those more than k averages behind the worker that asks are given no group then: they hold nobody up.
    Asking for a group takes no time. Groups have no worker in common, so none waits for another.
    Invariant: averaging leaves the mean of all x_m as it was. With groups of all, `local_sgd`.
    Cost: that of the collective in a group, every `period` steps.
    Source: Luo, He, Zhuo, Qian 2020, arXiv:1909.08029, global division with a filter of slow workers, from memory;
    against a second implementation.
    """

    family: ClassVar[str] = "groups"
    waits_for: ClassVar[str] = "its group"
    name: Literal["prague"] = "prague"
    group_size: Annotated[int, Bounds("a whole number >= 2", ge=2), AS_WHOLE]
    period: Count = 1
    lead: Index | None = None

    def unfit(self, settings: Settings) -> str | None:
        if settings.faults and settings.workers > 1 and self.timeout_s is None:
            return "must have a timeout_s where workers fail: one that comes back goes to another group"
        return super().unfit(settings)

    def worker(self, w: Worker) -> Process:
        while True:
            yield from w.local_steps(self.period)
            group = yield w.find_group(self.group_size, self.lead, self.collective, self.timeout_s)
            now = group.enter(w)
            mean = yield group.arrive(now, w, w.draft(w.row))
            w.leave_group()
            w.take(mean)
            w.round += 1
