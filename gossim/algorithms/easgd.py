from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..fields import Count, Probability
from .kinds import WithServer

if TYPE_CHECKING:
    from ..sim.messaging import Reply, Serve
    from ..sim.network import Message
    from ..sim.server import Server
    from ..sim.worker import Worker
    from .base import Process


class EASGD(WithServer):
    """Elastic averaging SGD, asynchronous: every τ steps a worker and the centre move towards each other.

    x_m ← x_m − ρ (x_m − x̃);  x̃ ← x̃ + ρ (x_m − x̃), with x_m and x̃ as they were before, ρ = `moving_rate`.

    The worker sends x_m and waits; the centre answers with x̃ as it was, and moves.
    Invariant: the elastic force is symmetric, so communication leaves x̃ + Σ x_m (in flight included) as it was.
    Where an answer is lost, or later than `timeout_s`, only the centre has moved. Losses are those of the centre.
    Cost: one parameter vector each way every τ steps, all through the server's link.
    Source: Zhang, Choromanska, LeCun 2015, arXiv:1412.6651, algorithm 1 (ρ = ηρ there; 0.9/M suggested). There the
    gradient that follows is taken at x_m from before the move, here after it.
    """

    name: Literal["easgd"] = "easgd"
    period: Count
    moving_rate: Probability

    def worker(self, w: Worker) -> Process:
        while True:
            yield from w.local_steps(self.period)
            if w.alone:
                continue
            sent = w.draft(w.row)
            answer = yield w.ask(w.server(), self.served(w.server()), [w.row], self.timeout_s)
            if answer:
                w.combine(w.row, (1.0, w.row), (-self.moving_rate, sent), (self.moving_rate, answer.row))
                w.use_up(answer)
            w.drop(sent)
            for late in w.receive():
                w.discard(late)

    def served(self, server: Server) -> Serve:
        def serve(message: Message | None, reply: Reply) -> None:
            assert message is not None
            reply(server.row)
            server.combine(server.row, (1 - self.moving_rate, server.row), (self.moving_rate, message.row))
            server.use_up(message)

        return serve
