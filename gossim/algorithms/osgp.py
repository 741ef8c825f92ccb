from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ..fields import Count
from .kinds import InRounds

if TYPE_CHECKING:
    from ..settings import Settings
    from ..sim.worker import Worker
    from .base import Process


class OSGP(InRounds):
    """Overlapped stochastic gradient push: SGP that goes on computing while its messages are under way.

    As `sgp`, but in round k a worker waits only for what was sent to it in round k − `overlap` or before; what has come
    since is merged too. u_i and w_i travel together, so x_i = u_i/w_i stays right however late they come.

    Invariant: Σα = 1, in flight included; communication leaves Σ α_m x_m as it was.
    Cost per step: one parameter vector to each of those to whom it sends.
    Source: Assran et al. 2019, arXiv:1811.10792, algorithm 2, with the bound on staleness τ = `overlap`.
    """

    weighted: ClassVar[bool] = True
    name: Literal["osgp"] = "osgp"
    overlap: Count = 1

    def unfit_topology(self, settings: Settings) -> str | None:
        return None

    def worker(self, w: Worker) -> Process:
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient, scale=1 / (w.workers * float(w.alpha)))
            w.spread(w.neighbours(), round=w.round)
            due = w.weights(self.overlap) if w.round >= self.overlap else {}
            for message in [*(yield from w.gather(due, self.timeout_s, self.overlap)), *w.receive()]:
                w.merge(message)
            w.round += 1
