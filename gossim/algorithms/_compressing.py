"""Algorithms that send gradients or changes, which can be compressed, with what was left out kept for the next time."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import model_validator

from ..cluster.collectives import Collective, RingCollective, RingGather
from ..schema.fields import Probability
from ..schema.violations import broken_at
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Algorithm
from ._compression import AnyCompression, NoCompression


class Compressing(Algorithm):
    """Sends Q(e) in place of a gradient or a change v, e ← βe + v, then e ← e − Q(e), with e = 0 at first.

    Q is `compression`, and β is `error_feedback`: with 0 what Q leaves out is lost, with 1 it is all sent later.
    """

    uncompressed: ClassVar[str] = ""
    compression: AnyCompression = NoCompression()
    error_feedback: Probability = 0.0

    @model_validator(mode="after")
    def _feeds_back_what_is_left_out(self) -> Compressing:
        if self.error_feedback and not self.compresses:
            raise broken_at(("error_feedback",), self.error_feedback, "needs a compression, which leaves something out")
        return self

    @property
    def compresses(self) -> bool:
        """Whether Q changes anything."""
        return not isinstance(self.compression, NoCompression)

    def gathering(self, collective: Collective) -> Collective:
        """Return how vectors are averaged: what is compressed cannot be added up on its way, so each goes to all."""
        if not self.compresses or not isinstance(collective, RingCollective):
            return collective
        return RingGather(events=collective.events, barrier=collective.barrier)

    def unfit_compressed(self, settings: Settings, collective: Collective) -> str | None:
        """Why vectors that are averaged cannot be compressed; None if they can."""
        if self.compresses and not isinstance(collective, RingCollective):
            return (
                f"compression = {self.compression.name}: needs collective: ring, on which each passes on what all have "
                f"sent; '{collective.name}' adds up on the way"
            )
        return None


class Compressor:
    """The compression of one worker: its memory, and the size of what it sends.

    Args:
        w: The worker.
        algorithm: Where it is not `Compressing`, nothing is compressed.
    """

    def __init__(self, w: Worker, algorithm: Algorithm):
        self.w = w
        own = algorithm if isinstance(algorithm, Compressing) and algorithm.compresses and not w.alone else None
        self.compression = own.compression if own else None
        self.feedback = own.error_feedback if own else 0.0
        self.memory = w.draft() if self.feedback else None

    def __call__(self, row: int) -> None:
        """Row ← Q(e)."""
        if self.compression is None:
            return
        if self.memory is None:
            self.compression.compress(self.w, row)
            return
        self.w.combine(row, (1.0, row), (self.feedback, self.memory))
        self.w.combine(self.memory, (1.0, row))
        self.compression.compress(self.w, row)
        self.w.combine(self.memory, (1.0, self.memory), (-1.0, row))

    @property
    def size_bytes(self) -> int | None:
        """The size of a compressed vector, in bytes; None if it is not compressed."""
        if self.compression is None:
            return None
        context = self.w.context
        share = self.compression.size_share(context.settings.number_bits)
        # A product such as 0.07 · 400 is a rounding above a whole number, and must not count as the next one.
        return math.ceil(min(1.0, share) * context.message_bytes * (1 - 1e-15))
