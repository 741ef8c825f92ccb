from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Index, Positive
from ..settings import Settings
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import THE_SERVER_STEPS, WithServer


class SSP(Compressing, WithServer):
    """Stale synchronous parallel: Downpour in which no worker gets more than s gradients ahead of the slowest.

    As `downpour`, but the server answers a worker that has sent c gradients only when all have sent c − `staleness` or
    more. `staleness: 0` is synchronous: with a `gradient_scale` of 1/M and plain SGD, `allreduce` step by step;
    `staleness: null` is unbounded, and `downpour`.
    A worker that is found down `timeout_s` after somebody began to wait is not waited for until it comes back.
    Losses are those of the server's x̃.
    Cost per step: one parameter vector each way, all of them through the server's link.
    Source: Ho et al. 2013, "More effective distributed ML via a stale synchronous parallel parameter server".
    """

    waits_for: ClassVar[str] = "the server, and the slowest"
    all_messages: ClassVar[bool] = True
    one_rate: ClassVar[str] = THE_SERVER_STEPS
    name: Literal["ssp"] = "ssp"
    staleness: Index | None
    gradient_scale: Positive = 1.0

    def unfit(self, settings: Settings) -> str | None:
        if settings.network and settings.network.loses and settings.workers > 1:
            return "counts each gradient of each worker: where messages are lost, network.resend must be true"
        return super().unfit(settings)

    def worker(self, w: Worker) -> Process:
        compress = Compressor(w, self)
        while True:
            gradient = w.gradient()
            yield w.compute()
            if w.alone:
                w.step(gradient)
                continue
            compress(gradient)
            answer = yield w.ask(w.server(), "step", [gradient], size_bytes=compress.size_bytes)
            w.give_back(gradient)
            for fresh in [*w.receive(), answer]:  # what was asked before it failed comes late
                w.combine(w.row, (1.0, fresh.row))
                w.use_up(fresh)

    def step(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server take a step along the gradient, and answer with its x̃ when no worker is too far behind."""
        worker = message.sender
        server.step_along(message, self.gradient_scale)
        if self.staleness is None:
            server.answer(worker, reply)
        else:
            server.answer_within(self.staleness, worker, reply, self.timeout_s)
