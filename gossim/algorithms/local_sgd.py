from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count
from ..sim.worker import Worker
from ._base import Process
from ._families import Overlapping


class LocalSGD(Overlapping):
    """Local SGD (PerSyn, FedAvg): every worker trains alone, and every τ steps all take the mean of their x.

    x_m ← x_m − η ∇L^m(x_m), τ times; then x_m ← (1/M) Σ_j x_j.

    With `problem.weighting: samples`, FedAvg's x_m ← Σ_j (n_j/n) x_j, with n_j samples at worker j.
    Invariant: averaging leaves the mean of all x_m as it was. With τ = 1 it is synchronous SGD.
    Cost: that of the collective every τ steps. The optimizer's state stays where it is.
    Source: Blot et al. 2018 (PerSyn), arXiv:1804.01852; McMahan et al. 2017, arXiv:1602.05629.
    """

    counts_samples: ClassVar[bool] = True
    family: ClassVar[str] = "local steps"
    waits_for: ClassVar[str] = "everybody, seldom"
    name: Literal["local_sgd"] = "local_sgd"
    period: Count

    def worker(self, w: Worker) -> Process:
        group = w.allreduce(self.collective, timeout_s=self.timeout_s, overlap=self.overlap)
        while True:
            now = group.enter(w)
            yield from self.local_steps(w, group, self.period)
            mean = yield group.arrive(now, w, w.draft(w.row))
            w.take(mean)
