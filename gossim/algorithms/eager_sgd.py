from __future__ import annotations

from typing import ClassVar, Literal

from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import WithCollective


class EagerSGD(Compressing, WithCollective):
    """Eager-SGD: synchronous SGD whose sums do not wait for all; a gradient that comes too late goes into the next.

    A round: G ← (1/M) Σ of the gradients that have come since the last one;  x ← x − η G, for all workers.

    `trigger: solo`: the first worker to come begins a round; `majority`: one that is drawn for each round, so that in
    the mean half of the workers have come by then. Who waits goes on when a round has ended; who computes meanwhile
    takes the step too, and its gradient, of before, counts in the next round.
    Invariant: all x_m are equal, so the consensus distance is 0. In the source a worker that is several rounds behind
    gets the last G only, and now and then all models are averaged; here it takes all steps, and nothing is averaged.
    With M = 1, SGD.
    Cost per round: that of the collective.
    Source: Li, Ben-Nun, Di Girolamo, Alistarh, Hoefler 2020, arXiv:1908.04207, from memory; against a second
    implementation.
    """

    family: ClassVar[str] = "synchronous"
    one_rate: ClassVar[str] = "steps along one mean gradient with all workers"
    waits_for: ClassVar[str] = "the first to come, or one drawn"
    all_up: ClassVar[bool] = True
    name: Literal["eager_sgd"] = "eager_sgd"
    trigger: Literal["solo", "majority"] = "majority"

    def unfit(self, settings: Settings) -> str | None:
        if settings.faults and settings.workers > 1:
            return "keeps all workers at one x by steps that one which fails would miss"
        if self.timeout_s is not None:
            return f"timeout_s = {self.timeout_s:g}: has no effect, because a round does not wait for late workers"
        if not self.collective.in_front:
            return "collective.barrier = false: here a round begins for all when one worker has come"
        return self.unfit_compressed(settings, self.collective) or super().unfit(settings)

    def worker(self, w: Worker) -> Process:
        compress = Compressor(w, self)
        majority = self.trigger == "majority"
        group = w.partial_allreduce(self.gathering(self.collective), majority, compress.size_bytes)
        while True:
            gradient = w.gradient()
            yield w.compute()
            compress(gradient)
            yield group.bring(w, gradient)
