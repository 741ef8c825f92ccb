"""Which samples make up each minibatch: a function of (seed, worker, step), whatever the order of asking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..rng import Purpose, stream

BLOCK = 64
"""Minibatches of one worker that are drawn at once."""


class Minibatches:
    """Draws with replacement, uniformly from the samples that are a worker's own.

    `views` is the number of ways to look at each sample (crops, flips); the view is drawn with the sample.
    """

    def __init__(self, assigned: list[np.ndarray], views: int, batch_size: int, seed: int):
        self.assigned, self.views, self.batch_size, self.seed = assigned, views, batch_size, seed
        # Workers need not be at the same step: some blocks more than one for each.
        self._block = lru_cache(maxsize=4 * len(assigned))(self._draw_block)

    def indices(self, workers: Sequence[int], steps: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Sample numbers and view numbers, each `(batch, batch_size)`, for workers and steps of shape `(batch,)`."""
        drawn = np.stack([self._block(w, s // BLOCK)[s % BLOCK] for w, s in zip(workers, steps, strict=True)])
        return np.divmod(drawn, self.views)

    def _draw_block(self, worker: int, block: int) -> np.ndarray:
        own = self.assigned[worker]
        drawn = stream(self.seed, Purpose.DATA, worker, block).integers(
            len(own) * self.views, size=(BLOCK, self.batch_size)
        )
        return own[drawn // self.views] * self.views + drawn % self.views
