from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from ..optimizers import AnyOptimizer
from ..schema.fields import Count
from ..schema.violations import broken_at
from ..sim.worker import Worker
from ._base import Process
from ._families import Overlapping


class DiLoCo(Overlapping):
    """DiLoCo: H local steps of the arm's optimizer, then one outer step along the mean of all changes.

    θ_m ← θ, then H steps of the inner optimizer;  Δ = (1/M) Σ_m (θ − θ_m);  θ ← outer optimizer's step along Δ.

    In the source the inner optimizer is AdamW (`optimizer: {name: adamw, …}`) and the outer one SGD with Nesterov
    momentum, learning rate 0.7 and momentum 0.9. All workers keep the same θ and the same outer state; the inner state
    stays where it is. With an outer rate of 1 and no momentum, local SGD. What is averaged is θ_m, which comes to the
    same, and leads a worker that comes back with another θ towards that of the others.
    With `problem.weighting: samples` the mean is weighted by the workers' numbers of samples.
    Cost: that of the collective every H steps.
    Source: Douillard et al. 2023, arXiv:2311.08105, algorithm 1.
    """

    counts_samples: ClassVar[bool] = True
    name: Literal["diloco"] = "diloco"
    period: Count
    outer: AnyOptimizer

    @model_validator(mode="after")
    def _one_outer_step(self) -> DiLoCo:
        if not self.outer.one_rate:
            rule = "must be one number: all workers take the same outer step"
            raise broken_at(("outer", "learning_rate"), list(self.outer.learning_rate), rule)
        return self

    def worker(self, w: Worker) -> Process:
        group = w.allreduce(self.collective, timeout_s=self.timeout_s, overlap=self.overlap)
        anchor = w.draft(w.row)
        outer = w.optimizer_on(anchor, self.outer)
        while True:
            now = group.enter(w)
            yield from self.local_steps(w, group, self.period)
            mean = yield group.arrive(now, w, w.draft(w.row))
            w.combine(w.row, (1.0, anchor), (-1.0, mean))
            w.drop(mean)
            if outer:
                outer.step(w.row)
            w.combine(w.row, (1.0, anchor))
