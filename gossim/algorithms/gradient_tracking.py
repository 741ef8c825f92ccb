from __future__ import annotations

from typing import ClassVar, Literal

from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class GradientTracking(InRounds):
    """Gradient tracking (DIGing): neighbours mix parameters and an estimate y of the mean gradient of all, which
    removes the bias that different data cause in D-PSGD.

    x_i ← Σ_j W_ij x_j − η y_i;  y_i ← Σ_j W_ij y_j + ∇L^i(x_i, new) − ∇L^i(x_i, old), with y_i = ∇L^i(x_i) at first.

    Invariant: mixing leaves the means of x and of y as they were, and Σ y_m = Σ of the workers' latest gradients.
    Cost per step: two parameter vectors to each neighbour.
    Source: Nedić, Olshevsky, Shi 2017, arXiv:1607.03218, algorithm 1. With minibatches the two gradients are on
    different ones, as in stochastic gradient tracking (Pu and Nedić 2021, arXiv:1805.11454).
    """

    all_up: ClassVar[bool] = True
    name: Literal["gradient_tracking"] = "gradient_tracking"

    def unfit(self, settings: Settings) -> str | None:
        if settings.faults and settings.workers > 1:
            return "sums up all gradients since the start: it has no meaning when workers fail"
        return super().unfit(settings)

    def worker(self, w: Worker) -> Process:
        latest = w.gradient()
        yield w.compute()
        y = w.draft(latest)
        while True:
            w.tell(w.row, y)
            mixed = yield from w.mix()
            w.average(w.row, mixed)
            w.step(w.draft(y))
            w.average(y, mixed, place=1)
            w.use_up_all(mixed)
            w.round += 1
            gradient = w.gradient()
            yield w.compute()
            w.combine(y, (1.0, y), (1.0, gradient), (-1.0, latest))
            w.give_back(latest)
            latest = gradient
