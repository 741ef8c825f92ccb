from __future__ import annotations

from typing import Literal

from ..schema.fields import Count, Positive
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ._compressing import Compressing
from ._local_steps import LocalStepsWithServer


class FedBuff(Compressing, LocalStepsWithServer):
    """FedBuff: workers send the change of their local steps whenever they are ready, and the server steps after every K
    changes.

    Worker: y ← Q = `local_steps` steps of the arm's optimizer from the server's x;  Δ = x − y, sent, and answered with
    its x.
    Server: buffer ← buffer + s(τ) Δ, τ its steps since that x was sent;  with K = `buffer` of them,
    x ← x − η_g buffer/K.

    s(τ) = 1/√(1 + τ), or 1 with `staleness_weight: none`. η_g is `server_rate`.
    Losses are those of the server's x. With K = Q = η_g = 1 and no staleness weight, `downpour`. With M = 1, SGD.
    Cost: one parameter vector each way every Q steps, all through the server's link.
    Source: Nguyen et al. 2021, arXiv:2106.06639, algorithm 1, from memory; against a second implementation.
    """

    name: Literal["fedbuff"] = "fedbuff"
    buffer: Count
    server_rate: Positive = 1.0
    staleness_weight: Literal["square_root", "none"] = "square_root"

    def arrived(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server collect a change, move if it has enough, and answer."""
        stale = server.version - (message.version or 0)
        weight = 1.0 if self.staleness_weight == "none" else (1 + stale) ** -0.5
        worker = message.sender
        server.collect(message, weight, counts=False)
        if server.collected == self.buffer:
            server.move_along_collected(self.server_rate)
        server.answer(worker, reply)
