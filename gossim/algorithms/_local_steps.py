"""Local steps, and a server to which they are sent."""

from __future__ import annotations

from typing import ClassVar

from ..schema.fields import Count
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressor
from ._families import WithServer


class LocalStepsWithServer(WithServer):
    """Takes `local_steps` from a server's x, sends it what they changed or where they led, and goes on from its answer.

    A worker that is not answered in time goes on from where it is. Steps are counted as the workers take them.
    """

    family: ClassVar[str] = "local steps"
    waits_for: ClassVar[str] = "the server, seldom"
    sends_change: ClassVar[bool] = True
    local_steps: Count

    def worker(self, w: Worker) -> Process:
        w.version, start, compress = 0, w.draft(w.row), Compressor(w, self)
        while True:
            yield from w.local_steps(self.local_steps)
            if w.alone:
                continue
            if self.sends_change:
                w.combine(start, (1.0, start), (-1.0, w.row))
            sent = start if self.sends_change else w.row
            compress(sent)
            size_bytes = compress.size_bytes
            asked = w.ask(w.server(), "arrived", [sent], self.timeout_s, version=w.version, size_bytes=size_bytes)
            answer = yield asked
            for fresh in [*w.receive(), *([answer] if answer else [])]:
                w.combine(w.row, (1.0, fresh.row))
                w.version = fresh.version or 0
                w.use_up(fresh)
            w.combine(start, (1.0, w.row))

    def arrived(self, server: Server, message: Message, reply: Reply) -> None:
        """Let the server process a change or a model, and answer."""
        raise NotImplementedError
