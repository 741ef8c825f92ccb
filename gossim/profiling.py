"""Where the wall time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

__all__ = ["SHARES", "Stopwatch"]

Item = TypeVar("Item")

SHARES = {
    "preparing": "imports, data, models, checks",
    "events": "the clock, and the program that it emits",
    "scheduling": "operations into batches and waves",
    "gradients": "minibatches included, and steps between exchanges",
    "combining": "other steps, merges, averages, and copying rows for gradients",
    "probes": "distances and losses",
    "writing": "tables and figures",
    "rest": "all else, showing progress among it",
}
"""The shares of the wall time, in the order in which they are shown."""


def _at_once() -> None:
    """Wait for nothing."""


class Stopwatch:
    """The wall time since its creation, in seconds, divided into shares: Σ seconds = total_s.

    One share runs at each moment. A block inside another stops the other's time until it ends. `settle` is called
    before the time is read: it waits until a GPU has done its work.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self.seconds: dict[str, float] = {}
        self.settle = _at_once
        self._clock = clock
        self._running = "rest"
        self._began = self._since = clock()

    @contextmanager
    def share(self, name: str) -> Iterator[None]:
        """Count the time of the block as `name`, without that of blocks inside it."""
        outer = self._running
        try:
            self._switch(name)
            yield
        finally:
            self._switch(outer)

    def each(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield `items`, counting the time to make each of them as `name`."""
        iterator = iter(items)
        while True:
            with self.share(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @property
    def total_s(self) -> float:
        """Seconds from the beginning until the share last changed, or `read` was last called."""
        return self._since - self._began

    def read(self) -> dict[str, float]:
        """Return the seconds of each share until now, in the order of SHARES."""
        self._switch(self._running)
        return {name: self.seconds[name] for name in SHARES if name in self.seconds}

    def _switch(self, name: str) -> None:
        self.settle()
        now = self._clock()
        self.seconds[self._running] = self.seconds.get(self._running, 0.0) + now - self._since
        self._running, self._since = name, now


class Unwatched:
    """A stand-in for a stopwatch that measures nothing."""

    def share(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def each(self, name: str, items: Iterable[Item]) -> Iterable[Item]:
        return items
