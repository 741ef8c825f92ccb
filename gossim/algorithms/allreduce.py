from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Index, Quantity
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import Overlapping


class AllReduce(Compressing, Overlapping):
    """Synchronous SGD: x ← x − η (1/M) Σ_m ∇L^m(x), all workers at the same x.

    With `problem.weighting: samples` the mean is Σ_m n_m ∇L^m / Σ_m n_m, over those in time.
    Invariant: all x_m are equal, so the consensus distance is 0. A round lasts as long as its slowest gradient, then
    the collective. Cost per round: that of the collective, for `ring` 2(M−1) times the parameters over all workers.
    With `backup: k` a round closes when M − k gradients have come: their mean is applied by all, and the k workers
    that are late drop what they compute and go on with the others. Where several come at the tick at which it closes,
    those that are in time are drawn anew each round. `reduction_s_per_byte` is the time to add up a byte. With
    `timeout_s` a round also closes that long after its first gradient came, and what comes at that very tick is in
    time; without, it waits for workers that are down, and the run stops if one is down for good. A worker that comes
    back gets the common x at the end of a round.
    Source: the "map-reduce" aggregation that GoSGD (arXiv:1611.09726) is compared with; backup workers: Chen et al.,
    arXiv:1604.00981.
    """

    brings_back: ClassVar[bool] = True
    counts_samples: ClassVar[bool] = True
    family: ClassVar[str] = "synchronous"
    one_rate: ClassVar[str] = "steps along one mean gradient with all workers"
    name: Literal["allreduce"] = "allreduce"
    backup: Index = 0
    reduction_s_per_byte: Quantity = 0.0

    def unfit(self, settings: Settings) -> str | None:
        if self.backup >= settings.workers:
            return f"backup = {self.backup}: must be below the number of workers, {settings.workers}"
        if self.compresses and self.buckets is not None:
            return f"buckets = {self.buckets:g}: are of whole gradients, and these are compressed"
        return self.unfit_compressed(settings, self.collective) or super().unfit(settings)

    def worker(self, w: Worker) -> Process:
        collective, compress = self.gathering(self.collective), Compressor(w, self)
        group = w.allreduce(collective, self.backup, self.reduction_s_per_byte, self.timeout_s, overlap=self.overlap)
        if not group.includes(w):
            yield group.join(w)
        while True:
            now = group.enter(w)
            gradient = w.gradient()
            computed = w.compute()
            if self.overlap:
                group.computes(w)
            yield computed | now.closed if self.backup or self.timeout_s else computed
            compress(gradient)
            mean = yield group.arrive(now, w, gradient, size_bytes=compress.size_bytes)
            w.step(mean, own=w not in now.late)
