from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from ..fields import named
from ..sim.collectives import COLLECTIVES
from .base import Algorithm

if TYPE_CHECKING:
    from ..sim.worker import Worker
    from .base import Process

Collective = Annotated[str, named("collective", COLLECTIVES)]


class AllReduce(Algorithm):
    """Synchronous SGD: x ← x − η (1/M) Σ_m ∇L^m(x), all workers at the same x.

    Invariant: all x_m are equal, so the consensus distance is 0. A round lasts as long as its slowest gradient, then
    the collective. Cost per round: that of the collective, for `ring` 2(M−1) times the parameters over all workers.
    Source: the "map-reduce" aggregation that GoSGD (arXiv:1611.09726) is compared with; Chen et al., arXiv:1604.00981.
    """

    name: Literal["allreduce"] = "allreduce"
    collective: Collective = "ring"

    def worker(self, w: Worker) -> Process:
        while True:
            gradient = w.gradient()
            yield w.compute()
            mean = yield w.allreduce(gradient, self.collective)
            w.step(mean)
