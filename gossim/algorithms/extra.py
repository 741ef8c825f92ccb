from __future__ import annotations

from typing import Literal

from ..sim.worker import Worker
from ._base import Process
from ._families import BiasCorrected


class EXTRA(BiasCorrected):
    """EXTRA: D-PSGD (combine then adapt) that corrects the error of its last step, so that different data on different
    workers cause no bias.

    x¹ = W x⁰ − η g⁰;  x⁺⁺ = (I + W) x⁺ − ½(I + W) x − η (g⁺ − g), sent while the gradient is computed.

    −ηg is here whatever step the arm's optimizer takes. W must be symmetric.
    Invariant: x̄ moves by the mean step alone. On a quadratic without noise it converges to the exact optimum, where
    D-PSGD does not. With M = 1, SGD.
    Cost per step: one parameter vector to each neighbour.
    Source: Shi, Ling, Wu, Yin 2015, arXiv:1404.6264, algorithm 1 with W̃ = (I + W)/2; two public re-implementations
    have its first step and (I + W) alike.
    """

    name: Literal["extra"] = "extra"

    def worker(self, w: Worker) -> Process:
        before = w.draft(w.row)  # ½(I + W) x + step, of the round before; at first x⁰
        while True:
            w.tell(w.row)
            at = w.draft(w.row)
            gradient = w.gradient()
            yield w.compute()
            mixed = yield from w.mix()
            heard = w.draft(at)
            w.average(heard, mixed)
            w.use_up_all(mixed)
            w.step(gradient)
            w.combine(at, (1.0, w.row), (-0.5, at), (0.5, heard))
            w.combine(w.row, (1.0, w.row), (1.0, heard), (-1.0, before))
            w.drop(heard)
            w.drop(before)
            before = at
            w.round += 1
