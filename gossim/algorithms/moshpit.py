from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from ..schema.bounds import Bounds
from ..schema.fields import AS_WHOLE, Count
from ..sim.worker import Worker
from ._base import Process
from ._families import WithCollective


class Moshpit(WithCollective):
    """Moshpit averaging: every τ steps a worker averages with a small group, which changes each time.

    Workers have places in a cube with `group_size` g to a side: the digits of their number in base g. In round r those
    that differ in digit r mod d only, d digits in all, take the mean of their x. If M = g^d, d rounds without steps in
    between make all x_m equal to the mean.

    Invariant: averaging leaves the mean of all x_m as it was. In the source groups are found by a distributed hash
    table, and averaged without those that fail; here they are given, and `timeout_s` does the latter.
    Cost: that of the collective among the g of a group, every τ steps.
    Source: Ryabinin et al. 2021, arXiv:2103.03239.
    """

    family: ClassVar[str] = "groups"
    waits_for: ClassVar[str] = "its group"
    name: Literal["moshpit"] = "moshpit"
    group_size: Annotated[int, Bounds("a whole number >= 2", ge=2), AS_WHOLE]
    period: Count = 1

    def worker(self, w: Worker) -> Process:
        while True:
            group = w.allreduce(self.collective, timeout_s=self.timeout_s, members=self.members(w))
            now = group.enter(w)
            yield from w.local_steps(self.period)
            mean = yield group.arrive(now, w, w.draft(w.row))
            w.take(mean)
            w.round += 1

    def members(self, w: Worker) -> list[int]:
        """Return the group of this worker's round."""
        digits = 1
        while self.group_size**digits < w.workers:
            digits += 1
        place = self.group_size ** (w.round % digits)
        rest = w.index - w.index // place % self.group_size * place
        return [number for digit in range(self.group_size) if (number := rest + digit * place) < w.workers]
