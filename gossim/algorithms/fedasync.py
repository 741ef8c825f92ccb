from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Index, NonNegative, SomeProbability
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ._families import PARAMETERS
from ._local_steps import LocalStepsWithServer


class FedAsync(LocalStepsWithServer):
    """FedAsync: a server moves towards each worker's model as it arrives, by less the staler it is.

    Worker: y ← `local_steps` steps of the arm's optimizer from the server's x; y is sent, and answered with its x.
    Server: x ← (1 − α_τ) x + α_τ y, τ its steps since that x was sent, α_τ = α s(τ), α = `mixing_rate`.

    `staleness: polynomial`: s = (1 + τ)^−a; `hinge`: s = 1 for τ ≤ b, 1/(a (τ − b) + 1) beyond; `constant`: s = 1.
    Losses are those of the server's x. With M = 1, SGD.
    Cost: one parameter vector each way every `local_steps` steps, all through the server's link.
    Source: Xie, Koyejo, Gupta 2019, arXiv:1903.03934, algorithm 1 without its proximal term, from memory; against a
    second implementation.
    """

    sends_change: ClassVar[bool] = False
    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["fedasync"] = "fedasync"
    mixing_rate: SomeProbability = 0.6
    staleness: Literal["polynomial", "hinge", "constant"] = "polynomial"
    a: NonNegative = 0.5
    b: Index = 4

    def arrived(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server move towards a worker's model, and answer."""
        stale, worker = server.version - (message.version or 0), message.sender
        alpha = self.mixing_rate * self.weight(stale)
        server.combine(server.row, (1 - alpha, server.row), (alpha, message.row))
        server.use_up(message)
        server.version += 1
        server.answer(worker, reply)

    def weight(self, stale: int) -> float:
        """Return s(τ)."""
        if self.staleness == "polynomial":
            return float((1 + stale) ** -self.a)
        return 1.0 if self.staleness == "constant" or stale <= self.b else 1 / (self.a * (stale - self.b) + 1)
