"""An all-reduce in buckets, that begins during the backward pass."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

import simpy

from ..cluster.buckets import Overlap
from .allreduce import AllReduceMean
from .allreduce_round import AllReduceRound
from .peers import Member


class OverlappedMean(AllReduceMean):
    """An all-reduce whose vector is cut into buckets: each begins when all members have it and the one before is done,
    or, where the collective runs several at once, fewer than that are under way.

    The last is there with the whole gradient, so that only what comes after it, and what earlier buckets have left
    over, is waited for. Source: Li et al. 2020, PyTorch Distributed, arXiv:2006.15704, 3.2.3.
    """

    def __init__(self, *args: Any, overlap: Overlap, **more: Any):
        super().__init__(*args, **more)
        self.parts = overlap.parts(self.context.message_bytes)
        self._spans: dict[Member, tuple[int, int]] = {}
        self._under_way: dict[int, int] = {}  # since when, by the number of the bucket
        self._done: simpy.Event = self.context.clock.event()  # the next bucket that is
        self._mean_row = -1

    def computes(self, worker: Member) -> None:
        """Note that `worker` has begun the gradient after which it arrives."""
        self._spans[worker] = worker.spell
        if len(self._spans) == len(self.awaited):
            spans, self._spans = self._spans, {}
            self.context.clock.process(self._go_on(self.round, list(spans.values())))

    def arrive(self, now: AllReduceRound, worker: Member, row: int, *args: Any, **more: Any) -> simpy.Event:
        for number in self._under_way:
            self._overlapped(worker, number)
        done = super().arrive(now, worker, row, *args, **more)
        if self._under_way:
            worker.activity.enter("sending")
        return done

    def _go_on(self, now: AllReduceRound, spans: list[tuple[int, int]]) -> Generator[simpy.Event, Any, None]:
        clock, last = self.context.clock, len(self.parts) - 1
        members = sorted(worker.index for worker in self.awaited)
        for number, part in enumerate(self.parts):
            ready = max(begin + round((end - begin) * part.ready_at) for begin, end in spans)
            if number == last:
                yield now.closed
            elif ready > clock.now:
                yield clock.until(ready)
            while len(self._under_way) == self.collective.collective.at_once:
                yield self._done
            self._under_way[number] = clock.now
            for worker in now.arrived:
                worker.activity.enter("sending")
            over = partial(self._end, now, number)
            self.collective.begin(members, 0.0, over, part.size_bytes, len(self._under_way))
        while self._under_way:
            yield self._done
        self._finish(self._mean_row)

    def _end(self, now: AllReduceRound, number: int) -> None:
        """Finish a bucket."""
        if not now.closed.triggered:
            for worker in self.awaited:
                if worker not in now.arrived:
                    self._overlapped(worker, number)
                elif len(self._under_way) == 1:
                    worker.activity.enter("waiting")
        del self._under_way[number]
        done, self._done = self._done, self.context.clock.event()
        done.succeed()

    def _overlapped(self, worker: Member, number: int) -> None:
        """Record the interval in which the bucket was in flight while `worker` computed."""
        since, size_bytes = self._under_way[number], self.parts[number].size_bytes
        self.context.timeline.add(worker.index, "message", since, self.context.clock.now, size_bytes=size_bytes)

    def _run(self, members: list[int], after_s: float, mean: int) -> None:
        self._mean_row = mean  # the last bucket goes on
