from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count, Probability
from ..sim.worker import Worker
from ._base import Process
from ._families import WithCollective


class Hierarchical(WithCollective):
    """All-reduce inside a group, gossip between groups: for clusters with fast links inside groups of machines.

    After each step the `group_size` workers of a group (0 to g − 1, g to 2g − 1, …) take the mean of their x weighted
    by their α, and the mean of their α; then with probability p a worker halves α and sends (x, α) to a random worker
    of another group, which merges it as in `gosgd_push`.

    Invariant: Σα = 1, in flight included; communication leaves Σ α_m x_m as it was. With `collective.barrier: false` it
    does so only between averages: a group's members have the mean of their α before each has the mean of their x.
    Cost per step: that of the collective inside the group, and p parameter vectors to other groups.
    Source: none that we know; the parts are those of `local_sgd` and `gosgd_push`.
    """

    weighted: ClassVar[bool] = True
    family: ClassVar[str] = "groups"
    waits_for: ClassVar[str] = "its group"
    name: Literal["hierarchical"] = "hierarchical"
    group_size: Count
    push_probability: Probability

    def worker(self, w: Worker) -> Process:
        first = w.index - w.index % self.group_size
        members = range(first, min(first + self.group_size, w.workers))
        group = w.allreduce(self.collective, timeout_s=self.timeout_s, members=members)
        while True:
            for message in w.receive():
                w.merge(message)
            now = group.enter(w)
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            yield group.arrive(now, w, w.draft(w.row), weighted=True)
            if len(members) < w.workers and w.rng.random() < self.push_probability:
                drawn = int(w.rng.random() * (w.workers - len(members)))
                w.push(drawn if drawn < first else drawn + len(members))
