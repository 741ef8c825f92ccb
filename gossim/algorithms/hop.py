from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count, Index
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class Hop(InRounds):
    """Hop: D-PSGD in which a worker does not wait for its `backup` slowest neighbours, and nobody runs away from them.

    Round r: x_i sent;  g ← ∇L^i(x_i);  with the x_j of round r of all neighbours but `backup` at most, and itself:
    x_i ← Σ_j W_ij x_j / Σ_j W_ij − η g. Round r + 1 begins when all neighbours have begun round r + 1 − k, k = `gap`.

    What comes at the instant at which enough have come is taken too. Later messages of the round are thrown away; they
    still tell how far their sender is, in place of the source's tokens.
    Invariant: neighbours are at most k rounds apart. Without backup, `dpsgd` (combine then adapt). With M = 1, SGD.
    Cost per step: one parameter vector to each neighbour.
    Source: Luo, Lin, Zhuo, Qian 2019, arXiv:1902.01064, backup workers and token queues, from memory; against a second
    implementation. Its bounded staleness and its skipped iterations are left out.
    """

    undirected: ClassVar[bool] = True
    waits_for: ClassVar[str] = "all but its slowest neighbours"
    static: ClassVar[bool] = True
    name: Literal["hop"] = "hop"
    backup: Index = 1
    gap: Count = 4

    def unfit(self, settings: Settings) -> str | None:
        if settings.workers > 1 and self.backup >= settings.workers:
            return f"backup = {self.backup}: must be below the number of workers, {settings.workers}"
        return super().unfit(settings)

    def unfit_topology(self, settings: Settings) -> str | None:
        if not settings.topology.is_static:
            return f"the topology '{settings.topology.name}' changes from round to round, and the gap is to neighbours"
        return super().unfit_topology(settings)

    def worker(self, w: Worker) -> Process:
        weights = w.weights()
        own = 1 - sum(weights.values())
        w.follow()
        while True:
            w.tell(w.row)
            gradient = w.gradient()
            yield w.compute()
            mixed = yield from w.mix(self.timeout_s, missing=self.backup)
            total = own + sum(weight for weight, _ in mixed) if len(mixed) < len(weights) else 1.0
            w.average(w.row, [(weight / total, message) for weight, message in mixed])
            w.use_up_all(mixed)
            w.step(gradient)
            w.round += 1
            yield from w.let_catch_up(weights, self.gap, self.timeout_s)
