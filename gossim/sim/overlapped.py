"""An all-reduce in buckets, that begins during the backward pass."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from ..cluster.buckets import Overlap
from .allreduce import AllReduceMean
from .allreduce_round import AllReduceRound
from .peers import Member


class OverlappedMean(AllReduceMean):
    """An all-reduce whose vector is cut into buckets: each begins when all members have it and the one before is done.

    The last is there with the whole gradient, so that only what comes after it, and what earlier buckets have left
    over, is waited for. Source: Li et al. 2020, PyTorch Distributed, arXiv:2006.15704, 3.2.3.
    """

    def __init__(self, *args: Any, overlap: Overlap, **more: Any):
        super().__init__(*args, **more)
        self.parts = overlap.parts(self.context.message_bytes)
        self._spans: dict[Member, tuple[int, int]] = {}
        self._bucket: tuple[int, int] | None = None  # the one that is under way: since when, and its bytes
        self._last: tuple[list[int], float, int] = ([], 0.0, 0)

    def computes(self, worker: Member) -> None:
        """`worker` has begun the gradient after which it arrives."""
        self._spans[worker] = worker.spell
        if len(self._spans) == len(self.awaited):
            spans, self._spans = self._spans, {}
            self.context.clock.process(self._go_on(self.round, list(spans.values())))

    def arrive(self, now: AllReduceRound, worker: Member, row: int, weighted: bool = False) -> simpy.Event:
        if self._bucket is not None:
            self._overlapped(worker, *self._bucket)
        done = super().arrive(now, worker, row, weighted)
        if self._bucket is not None:
            worker.activity.enter("sending")
        return done

    def _go_on(self, now: AllReduceRound, spans: list[tuple[int, int]]) -> Generator[simpy.Event, Any, None]:
        clock = self.context.clock
        members = sorted(worker.index for worker in self.awaited)
        for part in self.parts[:-1]:
            ready = max(begin + round((end - begin) * part.ready_at) for begin, end in spans)
            if ready > clock.now:
                yield clock.until(ready)
            self._begin(now, part.size_bytes)
            over = clock.event()
            self.collective.begin(members, 0.0, over.succeed, part.size_bytes)
            yield over
            self._end(now)
        yield now.closed
        members, after_s, mean = self._last
        self.collective.begin(members, after_s, lambda: self._finish(mean), self.parts[-1].size_bytes)

    def _begin(self, now: AllReduceRound, size_bytes: int) -> None:
        self._bucket = self.context.clock.now, size_bytes
        for worker in now.arrived:
            worker.activity.enter("sending")

    def _end(self, now: AllReduceRound) -> None:
        for worker in self.awaited:
            if worker not in now.arrived and not now.closed.triggered:
                self._overlapped(worker, *self._bucket)  # type: ignore[misc]
        self._bucket = None
        if not now.closed.triggered:
            for worker in now.arrived:
                worker.activity.enter("waiting")

    def _overlapped(self, worker: Member, since: int, size_bytes: int) -> None:
        self.context.timeline.add(worker.index, "message", since, self.context.clock.now, size_bytes=size_bytes)

    def _run(self, members: list[int], after_s: float, mean: int) -> None:
        self._last = members, after_s, mean  # the last bucket, when those before are done
