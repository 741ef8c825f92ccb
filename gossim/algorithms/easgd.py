from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count, Probability
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._families import PARAMETERS, WithServer


class EASGD(WithServer):
    """Elastic averaging SGD, asynchronous: every τ steps a worker and the centre move towards each other.

    `order: published`: x ← x_m;  if τ divides the worker's steps: x_m ← x_m − ρ (x − x̃), x̃ ← x̃ + ρ (x − x̃);  then
    x_m ← x_m − η ∇L^m(x): the gradient is taken at x_m from before the elastic move, ρ = `moving_rate`.
    `order: move_first`: τ steps x_m ← x_m − η ∇L^m(x_m), then the same move, and the next gradient is taken after it.

    The worker sends x_m and waits; the centre answers with x̃ as it was, and moves. Published, that comes before the
    first step too, when all are at one point.
    Invariant: the elastic force is symmetric, so communication leaves x̃ + Σ x_m (in flight included) as it was.
    Where an answer is lost, or later than `timeout_s`, only the centre has moved. Losses are those of the centre.
    Cost: one parameter vector each way every τ steps, all through the server's link.
    Source: Zhang, Choromanska, LeCun 2015, arXiv:1412.6651, algorithm 1 (ρ = ηρ there; 0.9/M suggested).
    """

    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["easgd"] = "easgd"
    period: Count
    moving_rate: Probability
    order: Literal["published", "move_first"] = "published"

    def worker(self, w: Worker) -> Process:
        published = self.order == "published"
        while True:
            if w.alone or not published:
                yield from w.local_steps(self.period)
            if w.alone:
                continue
            sent = w.draft(w.row)
            answer = yield w.ask(w.server(), "move", [w.row], self.timeout_s)
            if answer:
                w.combine(w.row, (1.0, w.row), (-self.moving_rate, sent), (self.moving_rate, answer.row))
                w.use_up(answer)
            for late in w.receive():
                w.discard(late)
            if published:
                gradient = w.gradient(at=sent)
                yield w.compute()
                w.step(gradient)
            w.drop(sent)
            if published:
                yield from w.local_steps(self.period - 1)

    def move(self, centre: Server, message: Message, reply: Reply) -> None:
        """Let the centre answer with its x̃, and move towards the worker."""
        reply(centre.row)
        centre.combine(centre.row, (1 - self.moving_rate, centre.row), (self.moving_rate, message.row))
        centre.use_up(message)
