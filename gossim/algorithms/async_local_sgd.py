from __future__ import annotations

from typing import Literal

from ..schema.fields import Count, Fraction01, NonNegative, Positive
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ._compressing import Compressing
from ._local_steps import LocalStepsWithServer


class AsyncLocalSGD(Compressing, LocalStepsWithServer):
    """Asynchronous local SGD: workers send what their local steps changed, and a server steps along each, with a
    Nesterov momentum that it renews only every N of them.

    Worker: y ← `local_steps` steps of the arm's optimizer from the server's x;  g = x − y, sent, and answered with x.
    Server, for its t-th g, from 0: Δ ← Δ + g;  where N divides t + 1: m ← βm + Δ/N, x ← x − η((1 − cN + c)βm + g/N),
    Δ ← 0;  else x ← x − η(cβm + g/N). N = `delay`, η = `server_rate`, c = `spread` of the momentum over all steps.

    Losses are those of the server's x. With N = 1, SGD with Nesterov momentum on the changes; with β = 0 as well and
    η = 1, every change is applied as it comes. With M = 1, SGD.
    Cost: one parameter vector each way every `local_steps` steps, all through the server's link.
    Source: Liu et al. 2024, arXiv:2401.09135, algorithm 3 (delayed Nesterov), from a summary of public code; against a
    second implementation. Its grace period and its local steps by speed are left out.
    """

    name: Literal["async_local_sgd"] = "async_local_sgd"
    delay: Count = 4
    server_rate: Positive = 0.7
    server_momentum: Fraction01 = 0.9
    spread: NonNegative = 0.0

    def arrived(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server step along a change, and answer."""
        eta, beta, n, c = self.server_rate, self.server_momentum, self.delay, self.spread
        worker, momentum, total = message.sender, server.kept("momentum"), server.kept("total")
        server.combine(total, (1.0, total), (1.0, message.row))
        part = c * beta
        if (server.version + 1) % n == 0:
            server.combine(momentum, (beta, momentum), (1 / n, total))
            server.combine(total)
            part = (1 - c * n + c) * beta
        server.combine(server.row, (1.0, server.row), (-eta * part, momentum), (-eta / n, message.row))
        server.use_up(message)
        server.version += 1
        server.answer(worker, reply)
