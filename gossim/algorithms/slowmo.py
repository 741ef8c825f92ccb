from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count, Fraction01, Positive
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds, WithCollective


class SlowMo(InRounds, WithCollective):
    """SlowMo: gossip for τ steps, then the mean of all, and a slow momentum on the way from mean to mean.

    From the common x: τ steps of `base`, then x̄ by all-reduce;  u ← βu + (x − x̄)/η;  x ← x − αηu, with u = 0 at first.

    `base: dpsgd` averages with the neighbours after each step but the last, whose average is that of all; with
    `local_sgd` there is no averaging in between. What is kept is v = ηu, which is the same where η is constant.
    Invariant: all begin a period at one x. With α = 1 and β = 0, `gossip_pga` or `local_sgd`; over `local_sgd`,
    `diloco` with an outer learning rate α and momentum β.
    Cost: that of the collective every τ steps, and with `dpsgd` one parameter vector to each neighbour in all others.
    Source: Wang, Tantia, Ballas, Rabbat 2019, arXiv:1910.00643, algorithm 1, from memory; tested by its limits.
    """

    family: ClassVar[str] = "local steps"
    waits_for: ClassVar[str] = "its neighbours; everybody, seldom"
    name: Literal["slowmo"] = "slowmo"
    period: Count
    slow_rate: Positive = 1.0
    slow_momentum: Fraction01 = 0.7
    base: Literal["dpsgd", "local_sgd"] = "dpsgd"

    def unfit(self, settings: Settings) -> str | None:
        return WithCollective.unfit(self, settings) or (
            InRounds.unfit(self, settings) if self.base == "dpsgd" else None
        )

    def worker(self, w: Worker) -> Process:
        group = w.allreduce(self.collective, timeout_s=self.timeout_s)
        anchor, velocity = w.draft(w.row), w.draft()
        while True:
            now = group.enter(w)
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            if (w.round + 1) % self.period == 0:
                mean = yield group.arrive(now, w, w.draft(w.row))
                w.combine(velocity, (self.slow_momentum, velocity), (1.0, anchor), (-1.0, mean))
                w.drop(mean)
                w.combine(anchor, (1.0, anchor), (-self.slow_rate, velocity))
                w.combine(w.row, (1.0, anchor))
            elif self.base == "dpsgd":
                w.tell(w.row)
                yield from w.mix_in(self.timeout_s)
            w.round += 1
