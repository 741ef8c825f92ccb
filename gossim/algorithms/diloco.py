from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from ..optimizers import AnyOptimizer
from ..schema.fields import Count, Fraction01, Index
from ..schema.violations import broken_at
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import Overlapping
from ._fragments import fragment, fragment_bytes, refuse_uneven


class DiLoCo(Compressing, Overlapping):
    """DiLoCo: H local steps of the arm's optimizer, then one outer step along the mean of all changes.

    θ_m ← θ, then H steps of the inner optimizer;  Δ = (1/M) Σ_m (θ − θ_m);  θ ← outer optimizer's step along Δ.

    In the source the inner optimizer is AdamW (`optimizer: {name: adamw, …}`) and the outer one SGD with Nesterov
    momentum, learning rate 0.7 and momentum 0.9. All workers keep the same θ and the same outer state; the inner state
    stays where it is. With an outer rate of 1 and no momentum, local SGD. What is averaged is θ_m, which comes to the
    same, and leads a worker that comes back with another θ towards that of the others.
    With `problem.weighting: samples` the mean is weighted by the workers' numbers of samples. With `compression`
    Q(θ − θ_m) is sent to all; `top_k` with an `error_feedback` of 0.95 is SparseLoCo, arXiv:2508.15706, with numbers
    of full size.

    Streaming DiLoCo: the vector is cut into P = `fragments` (ranges of it, where the source takes layers), each with
    an outer state of its own, and every H/P steps the next of them is averaged. The workers take τ = `overlap_steps`
    more steps meanwhile, then wait for it, and θ_m ← (1 − α) θ + α θ_m on that fragment, with α = `mix` and the θ_m of
    that moment; Δ is from before these steps. The defaults are P = 1, τ = 0, α = 0.
    Cost: that of the collective every H steps; with P fragments, of one on a P-th of the vector every H/P steps.
    Source: Douillard et al. 2023, arXiv:2311.08105, algorithm 1; streaming: Douillard et al. 2025, arXiv:2501.18512,
    from a summary of public code (torchft), with α = 0.5 there; against a second implementation.
    """

    counts_samples: ClassVar[bool] = True
    family: ClassVar[str] = "local steps"
    waits_for: ClassVar[str] = "everybody, seldom"
    name: Literal["diloco"] = "diloco"
    period: Count
    outer: AnyOptimizer
    fragments: Count = 1
    overlap_steps: Index = 0
    mix: Fraction01 = 0.0

    @model_validator(mode="after")
    def _fragments_come_in_turn(self) -> DiLoCo:
        refuse_uneven(self.fragments, self.period)
        if self.overlap_steps >= self.period // self.fragments:
            rule = f"must be below period/fragments, {self.period // self.fragments}: the next fragment is due then"
            raise broken_at(("overlap_steps",), self.overlap_steps, rule)
        if self.streams and self.buckets is not None:
            rule = "cannot be had with fragments, overlap_steps or mix: these average after the gradient"
            raise broken_at(("buckets",), self.buckets, rule)
        return self

    @model_validator(mode="after")
    def _one_outer_step(self) -> DiLoCo:
        if not self.outer.one_rate:
            rule = "must be one number: all workers take the same outer step"
            raise broken_at(("outer", "learning_rate"), list(self.outer.learning_rate), rule)
        if self.compresses and (self.streams or self.buckets is not None):
            rule = "cannot be had with fragments, overlap_steps, mix or buckets: it is of whole vectors"
            raise broken_at(("compression",), self.compression.name, rule)
        return self

    def unfit(self, settings: Settings) -> str | None:
        if self.compresses and settings.workers > 1 and self.goes_on_without(settings):
            name = self.compression.name
            return f"compression = {name}: is of changes since a θ that all must have: no faults, no timeout_s"
        return self.unfit_compressed(settings, self.collective) or super().unfit(settings)

    @property
    def streams(self) -> bool:
        """Whether it is more than DiLoCo as first published."""
        return self.fragments > 1 or self.overlap_steps > 0 or self.mix > 0

    def worker(self, w: Worker) -> Process:
        return self.in_fragments(w) if self.streams else self.as_a_whole(w)

    def as_a_whole(self, w: Worker) -> Process:
        collective, compress = self.gathering(self.collective), Compressor(w, self)
        group = w.allreduce(collective, timeout_s=self.timeout_s, overlap=self.overlap)
        anchor = w.draft(w.row)
        outer = w.optimizer_on(anchor, self.outer)
        while True:
            now = group.enter(w)
            yield from self.local_steps(w, group, self.period)
            sent = w.draft(w.row)
            if self.compresses:
                w.combine(sent, (1.0, anchor), (-1.0, sent))
                compress(sent)
            mean = yield group.arrive(now, w, sent, size_bytes=compress.size_bytes)
            w.combine(w.row, *([(1.0, mean)] if self.compresses else [(1.0, anchor), (-1.0, mean)]))
            w.drop(mean)
            if outer:
                outer.step(w.row)
            w.combine(w.row, (1.0, anchor))

    def in_fragments(self, w: Worker) -> Process:
        group, count, late = w.allreduce(self.collective, timeout_s=self.timeout_s), self.fragments, self.overlap_steps
        anchors = [fragment(w, w.row, number, count) for number in range(count)]
        outers = [w.optimizer_on(anchor, self.outer) for anchor in anchors]
        now = group.enter(w)
        yield from w.local_steps(self.period // count)
        while True:
            number = now.number % count  # of the round, not of the worker: one that comes back finds the others'
            size_bytes = fragment_bytes(w, number, count)
            group.arrive(now, w, fragment(w, w.row, number, count), size_bytes=size_bytes, meanwhile=late > 0)
            yield from w.local_steps(late)
            mean = yield group.wait_for(now, w)
            change = w.draft(mean)
            w.drop(mean)
            w.combine(change, (1.0, anchors[number]), (-1.0, change))
            outer = outers[number]
            if outer:
                outer.step(change)
            w.drop(change)
            own = fragment(w, w.row, number, count)
            w.combine(w.row, (1.0, w.row), (self.mix - 1, own), (1 - self.mix, anchors[number]))
            w.drop(own)
            now = group.enter(w)
            yield from w.local_steps(self.period // count - late)
