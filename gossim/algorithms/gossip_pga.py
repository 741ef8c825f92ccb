from __future__ import annotations

from typing import Literal

from ..schema.fields import Count
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds, WithCollective


class GossipPGA(InRounds, WithCollective):
    """Gossip-PGA: D-PSGD whose every H-th round averages over all workers instead of the neighbours.

    x_i ← Σ_j W_ij (x_j − η ∇L^j(x_j)), and in every H-th round with 1/M for W_ij.

    Invariant: averaging leaves the mean of all x_m as it was. H = 1 is local SGD with period 1.
    Cost per step: one parameter vector to each neighbour, and in every H-th round that of the collective instead.
    Source: Chen et al. 2021, arXiv:2105.09080, algorithm 1.
    """

    name: Literal["gossip_pga"] = "gossip_pga"
    period: Count

    def unfit(self, settings: Settings) -> str | None:
        return WithCollective.unfit(self, settings) or InRounds.unfit(self, settings)

    def worker(self, w: Worker) -> Process:
        group = w.allreduce(self.collective, timeout_s=self.timeout_s)
        while True:
            now = group.enter(w)
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            if (w.round + 1) % self.period:
                w.tell(w.row)
                yield from w.mix_in(self.timeout_s)
            else:
                mean = yield group.arrive(now, w, w.draft(w.row))
                w.take(mean)
            w.round += 1
