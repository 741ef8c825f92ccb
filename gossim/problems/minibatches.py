"""Which samples make up each minibatch: a function of (seed, worker, step), whatever the order of asking."""

from __future__ import annotations

import numpy as np

from ..rng import Purpose, stream
from .problem import Numbers

BLOCK = 64
"""Minibatches of one worker that are drawn at once."""


class Minibatches:
    """Draws with replacement, uniformly from the samples that are a worker's own.

    `views` is the number of ways to look at each sample (crops, flips); the view is drawn with the sample.
    """

    def __init__(self, assigned: list[np.ndarray], views: int, batch_size: int, seed: int):
        self.assigned, self.views, self.batch_size, self.seed = assigned, views, batch_size, seed
        self._blocks = np.full(len(assigned), -1)  # which block of each worker is in hand
        self._drawn = np.empty((len(assigned), BLOCK, batch_size), dtype=np.int64)

    def indices(self, workers: Numbers, steps: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """Sample numbers and view numbers, each `(batch, batch_size)`, for workers and steps of shape `(batch,)`."""
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
