from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from ..schema.fields import Positive
from ..schema.violations import broken_at
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import THE_SERVER_STEPS, WithServer


class Downpour(Compressing, WithServer):
    """Downpour SGD: workers send gradients to a parameter server whenever they have one, and get its x back.

    Worker: g ← ∇L^m(x_m), to the server; x_m ← x̃, its answer. Server: x̃ ← x̃ − η s g, with every gradient that comes.

    `gradient_scale` s: 1, as published, or 1/M, so that M gradients are worth as much as their mean. With
    `staleness_aware`, s is divided by the staleness of the gradient: how many others were applied since its x was sent;
    with `delay_adaptive`, s is multiplied by M/max(M, staleness): only those staler than M are held back.
    The optimizer and its state are the server's. Fetched and pushed every step (n_fetch = n_push = 1 in the source).
    Losses are those of the server's x̃.
    Cost per step: one parameter vector each way, all of them through the server's link.
    Source: Dean et al. 2012, "Large scale distributed deep networks"; staleness-aware: Zhang et al. 2016,
    arXiv:1511.05950; delay-adaptive: Mishchenko et al. 2022, arXiv:2206.07638, from a summary of its public code.
    """

    one_rate: ClassVar[str] = THE_SERVER_STEPS
    name: Literal["downpour"] = "downpour"
    gradient_scale: Positive = 1.0
    staleness_aware: bool = False
    delay_adaptive: bool = False

    @model_validator(mode="after")
    def _one_remedy(self) -> Downpour:
        if self.staleness_aware and self.delay_adaptive:
            rule = "cannot be had with staleness_aware: both lower the rate of late gradients"
            raise broken_at(("delay_adaptive",), True, rule)
        return self

    def worker(self, w: Worker) -> Process:
        compress = Compressor(w, self)
        while True:
            gradient = w.gradient()
            yield w.compute()
            if w.alone:
                w.step(gradient)
                continue
            compress(gradient)
            answer = yield w.ask(w.server(), "step", [gradient], self.timeout_s, size_bytes=compress.size_bytes)
            w.give_back(gradient)
            for fresh in [*w.receive(), *([answer] if answer else [])]:
                w.combine(w.row, (1.0, fresh.row))
                w.use_up(fresh)

    def step(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server take a step along the gradient, and answer with its x̃."""
        stale, workers = server.staleness(message.sender), len(server.known)
        scale = workers / max(workers, stale) if self.delay_adaptive else 1 / max(1, stale * self.staleness_aware)
        server.step_along(message, self.gradient_scale * scale)
        server.answer(message.sender, reply)
