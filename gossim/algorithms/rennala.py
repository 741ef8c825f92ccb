from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._families import THE_SERVER_STEPS, WithServer


class Rennala(Compressing, WithServer):
    """Rennala SGD: a server averages B gradients that were taken at its x, from the fast workers, and drops all others.

    Worker: a gradient at the server's x^k, sent, and answered with the x that the server has by then.
    Server: with B = `batch_gradients` of them, x^{k+1} ← x^k − (η/B) Σ g; gradients at an older x are dropped.

    `stop: false`, as published: a worker finishes the gradient that it computes when the server steps. `stop: true`:
    x^{k+1} is sent to all at once; they give up their gradient and begin again at x^{k+1}, which is K-batch synchronous
    SGD (arXiv:1803.01113). What counts as a step is a gradient along which the server steps. Losses are those of the
    server's x. With M = 1, SGD on means of B gradients.
    Cost: one parameter vector each way for each gradient; with `stop`, one more to each other worker for B gradients.
    Source: Tyurin, Richtárik 2023, arXiv:2305.12387, from secondary sources; its times are tested by closed forms.
    """

    one_rate: ClassVar[str] = THE_SERVER_STEPS
    name: Literal["rennala"] = "rennala"
    batch_gradients: Count
    stop: bool = False

    def worker(self, w: Worker) -> Process:
        w.version, total, compress = 0, w.draft(), Compressor(w, self)
        while True:
            gradient = w.gradient()
            if w.alone:
                yield w.compute()
                w.combine(total, (1.0, total), (1 / self.batch_gradients, gradient))
                if w.gradients % self.batch_gradients == 0:
                    w.step(w.draft(total))
                    w.combine(total)
                    for _ in range(self.batch_gradients - 1):
                        w.count_step()
            elif self.stop and not (yield from w.compute_unless_newer()):
                pass
            else:
                if not self.stop:
                    yield w.compute()
                compress(gradient)
                size_bytes = compress.size_bytes
                asked = w.ask(w.server(), "add", [gradient], self.timeout_s, version=w.version, size_bytes=size_bytes)
                answer = yield asked
                w.adopt(*w.receive(), *([answer] if answer else []))
            w.give_back(gradient)

    def add(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server collect a gradient taken at its x, step when it has enough, and answer."""
        worker, complete = message.sender, False
        if message.version == server.version:
            server.collect(message)
            complete = server.collected == self.batch_gradients
        else:
            server.discard(message)
        if complete:
            server.step_along_collected()
        server.answer(worker, reply)
        for other in server.known if complete and self.stop else ():
            if other != worker:
                server.send(other)
