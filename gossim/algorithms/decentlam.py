from __future__ import annotations

from typing import Literal

from ..schema.fields import Fraction01
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class DecentLaM(InRounds):
    """DecentLaM: momentum on the whole move of D-PSGD, averaging included, so that momentum adds no bias.

    g̃ = (x − W (x − ηg))/η;  m⁺ = βm + g̃;  x⁺ = x − ηm⁺, with m = 0 at first.

    What is kept is v = ηm: v⁺ = βv + x − Wψ and x⁺ = x − v⁺, with ψ the step of the arm's optimizer. With a constant η
    that is the same; where a schedule changes η, v keeps its length, where m would keep its own.
    Invariant: it has the fixed point of D-PSGD (adapt then combine) with a constant η, x = W (x − ηg), where momentum
    in D-PSGD's optimizer has another. With β = 0, D-PSGD (adapt then combine); with M = 1, SGD with momentum.
    Cost per step: one parameter vector to each neighbour.
    Source: Yuan et al. 2021, arXiv:2104.11981, algorithm 2, from memory; its fixed point is tested.
    """

    name: Literal["decentlam"] = "decentlam"
    beta: Fraction01 = 0.9

    def worker(self, w: Worker) -> Process:
        velocity = w.draft()
        while True:
            before = w.draft(w.row)
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            w.tell(w.row)
            yield from w.mix_in(self.timeout_s)
            w.combine(velocity, (self.beta, velocity), (1.0, before), (-1.0, w.row))
            w.combine(w.row, (1.0, before), (-1.0, velocity))
            w.drop(before)
            w.round += 1
