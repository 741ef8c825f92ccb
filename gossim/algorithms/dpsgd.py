from __future__ import annotations

from typing import Literal

from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class DPSGD(InRounds):
    """D-PSGD: in every round each worker averages with its neighbours in the topology, by the mixing matrix W.

    `order: combine_then_adapt`, as published: x_i ← Σ_j W_ij x_j − η ∇L^i(x_i), sent while the gradient is computed.
    `order: adapt_then_combine`: x_i ← Σ_j W_ij (x_j − η ∇L^j(x_j)).

    Invariant: averaging leaves the mean of all x_m as it was, for W is doubly stochastic. A round waits for neighbours
    only, and who waits for whom spreads from round to round. With M = 1, SGD.
    Cost per step: one parameter vector to each neighbour.
    Source: Lian et al. 2017, arXiv:1705.09056, algorithm 1.
    """

    name: Literal["dpsgd"] = "dpsgd"
    order: Literal["combine_then_adapt", "adapt_then_combine"] = "combine_then_adapt"

    def worker(self, w: Worker) -> Process:
        combine_first = self.order == "combine_then_adapt"
        while True:
            if combine_first:
                w.tell(w.row)
            gradient = w.gradient()
            yield w.compute()
            if not combine_first:
                w.step(gradient)
                w.tell(w.row)
            yield from w.mix_in(self.timeout_s)
            if combine_first:
                w.step(gradient)
            w.round += 1
