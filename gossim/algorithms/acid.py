from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from ..cluster.topology.spectral import acceleration
from ..schema.fields import NonNegative, PositiveQuantity, Timeout
from ..settings import Settings
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.worker import Worker
from ._base import Algorithm, Process
from ._families import PARAMETERS, unfit_in_pairs


class ACiD(Algorithm):
    """A²CiD²: asynchronous gossip in pairs with a momentum that is continuous in time, which speeds up averaging on
    graphs that are badly connected.

    Each worker has x and x̃, equal at first. Before anything happens to it, for the s since then, in units of the mean
    time of its gradients: (x, x̃) ← exp(s [[−η, η], [η, −η]]) (x, x̃). Gradient: x and x̃ take the same step, along a
    gradient at the x at which it was begun. Exchange with a random neighbour j, d = x_j − x_i: x ← x + ½d, x̃ ← x̃ + α̃d.
    Exchanges come at the times of a Poisson process, `exchanges_per_gradient` begun by each worker, 1 as in `adpsgd`.

    η = 1/(2√(χ₁χ₂)), α̃ = ½√(χ₁/χ₂), χ₁ = 1/λ₂(L), χ₂ half the largest effective resistance of an edge, L weighted with
    the rates of exchange; `eta` sets another η. With η = 0, `adpsgd` but for the times of its exchanges.
    As there, the pair moves as each one's x arrives, both by what was sent. What is probed is x as of the last event.
    Invariant: exchanges leave Σ (x_m + x̃_m), and what is under way, as they were. With M = 1, SGD.
    Cost: `exchanges_per_gradient` times one parameter vector each way for each step.
    Source: Nabli, Belilovsky, Oyallon 2023, arXiv:2306.08289, algorithm 1; η, α̃ and the flow as in the authors' public
    code (AdelNabli/ACiD), which was read; it takes the last two gradients' times for the unit.
    """

    family: ClassVar[str] = "gossip"
    waits_for: ClassVar[str] = "the answer, if it takes longer"
    undirected: ClassVar[bool] = True
    static: ClassVar[bool] = True
    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["acid"] = "acid"
    exchanges_per_gradient: PositiveQuantity = 1.0
    eta: NonNegative | None = None
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        return unfit_in_pairs(settings, self.timeout_s, static=True)

    def worker(self, w: Worker) -> Process:
        w.accompany()
        eta, _ = self.constants(w)
        while True:
            w.flow(eta)
            gradient = w.gradient()
            computed = w.compute()
            if w.alone:
                yield computed
            while not computed.processed:
                gap = -math.log1p(-w.rng.random()) / self.exchanges_per_gradient
                yield computed | w.wait(gap * w.mean_gradient_s)
                if not computed.processed:
                    yield from self.exchange_with(w, w.random_peer() or 0, computed)
            w.flow(eta)
            before = w.draft(w.row)
            w.step(gradient)
            w.combine(w.companion, (1.0, w.companion), (1.0, w.row), (-1.0, before))
            w.drop(before)

    def constants(self, w: Worker) -> tuple[float, float]:
        """Return η and α̃ on this topology."""
        eta, strength = (0.0, 0.0) if w.alone else acceleration(w.context.topology, self.exchanges_per_gradient)
        return (eta if self.eta is None else self.eta), strength

    def exchange_with(self, w: Worker, peer: int, computed: Any) -> Process:
        """Ask `peer`, while a gradient is computed, and move by what it answers."""
        w.flow(self.constants(w)[0])
        sent = w.draft(w.row)
        asked = w.ask(peer, "exchange", [sent], self.timeout_s, by_lot=False, meanwhile=True)
        yield asked | computed
        if not asked.triggered:
            w.activity.enter("waiting")
        answer = yield asked
        if answer:
            self.move(w, answer.row, sent)
            w.use_up(answer)
        for late in w.receive():
            w.discard(late)
        w.drop(sent)

    def exchange(self, other: Worker, message: Message, reply: Reply) -> None:
        """Let the neighbour answer with its x, and move."""
        eta, _ = self.constants(other)
        other.flow(eta)
        reply(other.row)
        self.move(other, message.row, other.row)
        other.use_up(message)

    def move(self, w: Worker, theirs: int, own: int) -> None:
        """Update x ← x + ½d, x̃ ← x̃ + α̃d, with d = theirs − own."""
        eta, strength = self.constants(w)
        w.flow(eta)
        half = ((1.0, w.row), (0.5, theirs), (-0.5, own))
        w.move_both(half, ((1.0, w.companion), (strength, theirs), (-strength, own)))
