"""Which samples make up each minibatch: a function of (seed, worker, step), whatever the order of asking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import numpy as np

from ..rng import Purpose, stream
from .problem import Numbers

BLOCK = 64
"""Minibatches of one worker that are drawn at once."""

Sampling = Literal["with_replacement", "shuffled"]


class Minibatches(ABC):
    """The minibatches of all workers, from each worker's own samples.

    `views` is the number of ways to look at each sample (crops, flips); the view is drawn with the sample.
    """

    def __init__(self, assigned: list[np.ndarray], views: int, batch_size: int, seed: int):
        self.assigned, self.views, self.batch_size, self.seed = assigned, views, batch_size, seed

    @abstractmethod
    def indices(self, workers: Numbers, steps: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """Return sample numbers and view numbers, each `(batch, batch_size)`, for workers and steps of shape
        `(batch,)`.
        """


class WithReplacement(Minibatches):
    """Draws with replacement, uniformly."""

    def __init__(self, assigned: list[np.ndarray], views: int, batch_size: int, seed: int):
        super().__init__(assigned, views, batch_size, seed)
        self._blocks = np.full(len(assigned), -1)  # which block of each worker is in hand
        self._drawn = np.empty((len(assigned), BLOCK, batch_size), dtype=np.int64)

    def indices(self, workers: Numbers, steps: Numbers) -> tuple[np.ndarray, np.ndarray]:
        worker, (block, place) = np.asarray(workers), np.divmod(np.asarray(steps), BLOCK)
        drawn = self._drawn[worker, place]
        # A worker that is asked for two blocks at once has one of them after the other.
        todo = np.flatnonzero(self._blocks[worker] != block)
        while len(todo):
            for w, b in {int(worker[at]): int(block[at]) for at in reversed(todo)}.items():
                self._drawn[w], self._blocks[w] = self._draw_block(w, b), b
            ready = self._blocks[worker[todo]] == block[todo]
            drawn[todo[ready]] = self._drawn[worker[todo[ready]], place[todo[ready]]]
            todo = todo[~ready]
        return np.divmod(drawn, self.views) if self.views > 1 else (drawn, np.zeros_like(drawn))

    def _draw_block(self, worker: int, block: int) -> np.ndarray:
        own = self.assigned[worker]
        drawn = stream(self.seed, Purpose.DATA, worker, block).integers(
            len(own) * self.views, size=(BLOCK, self.batch_size)
        )
        return own[drawn // self.views] * self.views + drawn % self.views


class Shuffled(Minibatches):
    """Takes a worker's n samples in a random order, each once, then again in another order: epoch by epoch.

    The k-th minibatch has the places k · B to (k + 1) · B − 1 of these orders one after the other, so that one may hold
    the end of an epoch and the beginning of the next.
    """

    def __init__(self, assigned: list[np.ndarray], views: int, batch_size: int, seed: int):
        super().__init__(assigned, views, batch_size, seed)
        self._epoch = lru_cache(maxsize=2 * len(assigned))(self._drawn)

    def indices(self, workers: Numbers, steps: Numbers) -> tuple[np.ndarray, np.ndarray]:
        drawn = np.empty((len(workers), self.batch_size), dtype=np.int64)
        for row, worker, step in zip(drawn, map(int, workers), map(int, steps), strict=True):
            own = self.assigned[worker]
            epochs, places = np.divmod(np.arange(step * self.batch_size, (step + 1) * self.batch_size), len(own))
            for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
                here = epochs == epoch
                order, views = self._epoch(worker, epoch)
                row[here] = own[order[places[here]]] * self.views + (0 if views is None else views[places[here]])
        return np.divmod(drawn, self.views) if self.views > 1 else (drawn, np.zeros_like(drawn))

    def _drawn(self, worker: int, epoch: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Draw the order of a worker's samples in an epoch, and the view of each."""
        random, count = stream(self.seed, Purpose.SHUFFLE, worker, epoch), len(self.assigned[worker])
        order = random.permutation(np.arange(count, dtype=np.int32))
        return order, random.integers(self.views, size=count, dtype=np.int32) if self.views > 1 else None


class OfEachSize:
    """Minibatches of workers with different sizes; those asked for together must have one size.

    Args:
        drawn: Minibatches by their size.
        sizes: The size of each worker's, `(workers,)`.
    """

    def __init__(self, drawn: Mapping[int, Minibatches], sizes: np.ndarray):
        self.drawn, self.sizes = drawn, sizes

    def indices(self, workers: Numbers, steps: Numbers) -> tuple[np.ndarray, np.ndarray]:
        return self.drawn[int(self.sizes[workers[0]])].indices(workers, steps)


SAMPLINGS: dict[Sampling, type[Minibatches]] = {"with_replacement": WithReplacement, "shuffled": Shuffled}
