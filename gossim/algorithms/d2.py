from __future__ import annotations

from typing import ClassVar, Literal

from ..cluster.topology import TopologySettings
from ..cluster.topology.spectral import smallest_eigenvalue
from ..errors import RunError
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import BiasCorrected


class D2(BiasCorrected):
    """D²: D-PSGD that takes each step from where the last one would have led without averaging, so that different data
    on different workers cause no bias.

    x⁺ = W (2x − x⁻ − η(g − g⁻)), at first W(x⁰ − η g⁰). With ψ = x − ηg, the optimizer's step: x⁺ = W (x + ψ − ψ⁻),
    with ψ⁻ = x⁰ at first.

    W must be symmetric with λ_min(W) > −1/3, which `mixing: lazy` always is; another is refused.
    Invariant: x̄ moves by the mean step alone, as in D-PSGD. On a quadratic without noise it converges to the exact
    optimum, where D-PSGD does not. With M = 1, SGD.
    Cost per step: one parameter vector to each neighbour.
    Source: Tang et al. 2018, arXiv:1803.07068, algorithm 1, from memory; its limit is tested, and the rule against a
    second implementation.
    """

    laziness: ClassVar[float] = 1.0
    """c of the matrix (1 − c)I + cW that averages."""
    name: Literal["d2"] = "d2"

    def unfit_topology(self, settings: Settings) -> str | None:
        return super().unfit_topology(settings) or self.unfit_matrix(settings.topology, settings.workers, 0)

    def unfit_matrix(self, topology: TopologySettings, workers: int, seed: int) -> str | None:
        """Return why the matrix of this seed does not converge; None if it does."""
        smallest = smallest_eigenvalue(topology.build(workers, seed).mixing())
        if smallest > -1 / 3 + 1e-9:
            return None
        return f"needs λ_min(W) > −1/3, and on this topology it is {smallest:.3g}; use mixing: lazy, or exact_diffusion"

    def worker(self, w: Worker) -> Process:
        if w.index == 0 and not w.alone:  # a drawn graph is another with each seed
            unfit = self.unfit_matrix(w.context.settings.topology, w.workers, w.context.seed)
            if unfit:
                raise RunError(f"the algorithm '{self.name}' {unfit}")
        before = w.draft(w.row)
        while True:
            w.combine(before, (1.0, w.row), (-1.0, before))  # x − ψ⁻
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            stepped = w.draft(w.row)
            w.combine(w.row, (1.0, w.row), (1.0, before))
            w.drop(before)
            before = stepped
            w.tell(w.row)
            mixed = yield from w.mix()
            w.average(w.row, [(self.laziness * weight, message) for weight, message in mixed])
            w.use_up_all(mixed)
            w.round += 1
