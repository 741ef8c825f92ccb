from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count, Positive
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import THE_SERVER_STEPS, WithServer


class Ringmaster(Compressing, WithServer):
    """Ringmaster ASGD: asynchronous SGD in which no gradient is older than R = `delay_bound` steps of the server.

    Server, when the gradient g of worker j comes: x ← x − η s g; the others' delays grow by 1, that of j is 0, and
    j goes on at the new x. Worker i, whose delay reaches R, gives up the gradient that it computes, and begins again
    at the new x; its delay is 0. With `stop: false` it finishes, and the server drops a gradient of delay R or more.

    A delay counts the steps since x was sent. A gradient that was under way when its worker was to stop is dropped.
    `gradient_scale` s as in `downpour`. R = 1 with constant times is the fastest worker alone; R beyond all delays is
    `downpour`. Losses are those of the server's x. With M = 1, SGD.
    Cost per step: one parameter vector each way, all through the server's link, and one to each worker that is stopped.
    Source: Maranjyan, Tyurin, Richtárik 2025, arXiv:2501.16168, from a summary of
    the authors' code, which was not read here; against a second implementation.
    """

    one_rate: ClassVar[str] = THE_SERVER_STEPS
    name: Literal["ringmaster"] = "ringmaster"
    delay_bound: Count
    stop: bool = True
    gradient_scale: Positive = 1.0

    def worker(self, w: Worker) -> Process:
        w.version, compress = 0, Compressor(w, self)
        while True:
            gradient = w.gradient()
            if w.alone:
                yield w.compute()
                w.step(gradient)
                continue
            if not (yield from w.compute_unless_newer()):
                w.give_back(gradient)
                continue
            compress(gradient)
            size_bytes = compress.size_bytes
            asked = w.ask(w.server(), "step", [gradient], self.timeout_s, version=w.version, size_bytes=size_bytes)
            answer = yield asked
            w.give_back(gradient)
            w.adopt(*w.receive(), *([answer] if answer else []))

    def step(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server take a step along a gradient that is new enough, answer, and stop those that are too late."""
        worker = message.sender
        if server.version - (message.version or 0) < self.delay_bound:
            server.step_along(message, self.gradient_scale)
        else:
            server.discard(message)
        server.answer(worker, reply)
        for late in server.known if self.stop else ():
            if server.staleness(late) >= self.delay_bound:
                server.send(late)
