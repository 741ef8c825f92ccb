from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Probability
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._compression import AnyCompression
from ._families import InRounds


class Choco(InRounds):
    """CHOCO-SGD: neighbours exchange compressed differences to public copies x̂ of each other's parameters.

    x_i ← x_i − η ∇L^i(x_i);  q_i = Q(x_i − x̂_i), sent to the neighbours;  x̂_j ← x̂_j + q_j for itself and all whom it
    hears;  x_i ← x_i + γ Σ_j W_ij (x̂_j − x̂_i), with x̂ = 0 at the start.

    What Q leaves out stays in x_i − x̂_i and is sent later. Each worker keeps x̂_i and Σ_j W_ij x̂_j.
    Invariant: communication leaves the mean of all x_m as it was. Without compression, D-PSGD (adapt then combine) with
    the mixing matrix I + γ(W − I).
    Cost per step: one compressed parameter vector to each neighbour.
    Source: Koloskova, Stich, Jaggi 2019, arXiv:1902.00340, algorithm 2.
    """

    all_up: ClassVar[bool] = True
    static: ClassVar[bool] = True
    uncompressed: ClassVar[str] = ""
    name: Literal["choco"] = "choco"
    compression: AnyCompression
    consensus_step: Probability

    def unfit(self, settings: Settings) -> str | None:
        if settings.faults and settings.workers > 1:
            return "builds public copies from all that was ever sent: it has no meaning when workers fail"
        return super().unfit(settings)

    def unfit_topology(self, settings: Settings) -> str | None:
        if not settings.topology.is_static:
            return (
                f"the topology '{settings.topology.name}' changes from round to round, and public copies would be wrong"
            )
        return super().unfit_topology(settings)

    def worker(self, w: Worker) -> Process:
        public, heard = w.draft(), w.draft()
        share = self.compression.size_share(w.context.settings.number_bits)
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            change = w.draft(w.row)
            w.combine(change, (1.0, w.row), (-1.0, public))
            self.compression.compress(w, change)
            w.tell(change, share=share)
            w.combine(public, (1.0, public), (1.0, change))
            mixed = yield from w.mix()
            own = 1 - sum(w.weights().values())
            w.combine(heard, (1.0, heard), (own, change), *((weight, message.row) for weight, message in mixed))
            w.use_up_all(mixed)
            w.drop(change)
            w.combine(w.row, (1.0, w.row), (self.consensus_step, heard), (-self.consensus_step, public))
            w.round += 1
