from __future__ import annotations

from typing import Literal

from ..schema.fields import Fraction01
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class QGDSGDm(InRounds):
    """Quasi-global momentum: D-PSGD whose momentum follows where the averaged model went, not the worker's gradients.

    x⁺ = W (x − η(g + βm));  m⁺ = βm + (1 − β)(x − x⁺)/η, with m = 0 at first.

    What is kept is v = ηm: x⁺ = W (ψ − βv), ψ the step of the arm's optimizer, and v⁺ = βv + (1 − β)(x − x⁺). With a
    constant η that is the same; where a schedule changes η, v keeps its length, where m would keep its own.
    Invariant: it has the fixed point of D-PSGD (adapt then combine) with a constant η: there x⁺ = x and v = 0.
    Averaging leaves the mean of all x_m as it was. With β = 0, D-PSGD (adapt then combine); with M = 1, SGD with a
    momentum of its own.
    Cost per step: one parameter vector to each neighbour.
    Source: Lin et al. 2021, arXiv:2102.04761, algorithm 1, from memory. The public re-implementation in
    yukiTakezawa/BaseGraph was read: it divides by β where the paper has η, and is not followed in that.
    """

    name: Literal["qg_dsgdm"] = "qg_dsgdm"
    beta: Fraction01 = 0.9

    def worker(self, w: Worker) -> Process:
        velocity = w.draft()
        while True:
            before = w.draft(w.row)
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            w.combine(w.row, (1.0, w.row), (-self.beta, velocity))
            w.tell(w.row)
            yield from w.mix_in(self.timeout_s)
            w.combine(velocity, (self.beta, velocity), (1 - self.beta, before), (self.beta - 1, w.row))
            w.drop(before)
            w.round += 1
