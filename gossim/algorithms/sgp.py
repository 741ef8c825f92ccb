from __future__ import annotations

from typing import ClassVar, Literal

from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class SGP(InRounds):
    """Stochastic gradient push: D-PSGD for directed graphs that may change in every round, by push-sum.

    Each worker has a numerator u_i and a weight w_i (here α_i = w_i/M), and its parameters are x_i = u_i/w_i:

    u_i ← u_i − η ∇L^i(x_i);  u_i ← Σ_j P_ij u_j;  w_i ← Σ_j P_ij w_j;  x_i = u_i/w_i, with P_ij = 1/(d_j + 1) for
    itself and the d_j to whom j sends in this round.

    With `problem.weighting: samples` the step is M n_i/n times as long. In terms of x: a step of η/w_i, and a mean of
    what comes weighted by w. Invariant: Σα = 1, in flight included; communication leaves Σ α_m x_m as it was. On an
    undirected regular graph, D-PSGD (adapt then combine).
    Cost per step: one parameter vector to each of those to whom it sends.
    Source: Assran et al. 2019, arXiv:1811.10792, algorithm 1.
    """

    weighted: ClassVar[bool] = True
    counts_samples: ClassVar[bool] = True
    waits_for: ClassVar[str] = "those it hears"
    name: Literal["sgp"] = "sgp"

    def unfit_topology(self, settings: Settings) -> str | None:
        return None

    def worker(self, w: Worker) -> Process:
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient, scale=w.counts_for / (w.workers * float(w.alpha)))
            w.spread(w.neighbours(), round=w.round)
            for message in (yield from w.gather(w.weights(), self.timeout_s)):
                w.merge(message)
            w.round += 1
