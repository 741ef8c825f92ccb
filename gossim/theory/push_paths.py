"""Consensus distance of `gosgd_push` with noise, as a mean over random paths: there is no closed form.

x_m = s_m/α_m is a ratio, and the moments of the sums s = αx and of α do not give those of s/α. Therefore many orders of
events are drawn at once. That costs little: between two messages that a worker sends or receives its steps need not
be kept apart, because n steps without a message have noise of n times the variance of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def push_consensus_paths(
    workers: int, probability: float, steps: np.ndarray, paths: int, generator: np.random.Generator, dim: int = 16
) -> np.ndarray:
    """Return (1/M) Σ ‖x_m − x̄‖² per dimension of `gosgd_push` for σ² = 1, on random paths from equal x and α.

    The mean over paths estimates E‖x_m − x̄‖². Paths are independent, so their spread gives the error. Each is a
    mean over `dim` dimensions that share its order of events. Assumes exponential times without latency: events are
    then a Poisson process, each worker takes a step with the same probability, and sends with `probability`.

    Args:
        workers: M ≥ 2.
        probability: Of a push after a step.
        steps: Expected numbers of steps of all workers together, `(n,)`, not decreasing.
        paths: How many paths to draw.
        generator: Where they are drawn from.
        dim: Dimensions of x.

    Returns:
        An array of shape `(paths, n)`.

    Source: Blot, Picard, Cord, Thome, arXiv:1804.01852, for the scheme and for its noise.
    """
    followed = _Paths(workers, probability, paths, dim, generator)
    found = np.zeros((paths, len(steps)))
    for place, time in enumerate(np.asarray(steps, dtype=float) / workers):
        followed.advance(time)
        found[:, place] = followed.apart()
    return found


class _Paths:
    """Sums α and αx, held and in flight, `(paths, M, 1 + dim)`, as of `seen`, `(paths, M)`, in steps of one worker.

    A worker's steps without a message are not applied yet. They are a Poisson process of rate 1 − p, independent of
    the other workers; the first of them merges what is in flight to it.
    """

    def __init__(self, workers: int, probability: float, paths: int, dim: int, generator: np.random.Generator):
        self.workers, self.probability, self.generator = workers, probability, generator
        self.held = np.zeros((paths, workers, 1 + dim))
        self.held[..., 0] = 1 / workers
        self.way = np.zeros_like(self.held)
        self.seen = np.zeros((paths, workers))
        self.now = 0.0

    def advance(self, time: float) -> None:
        """Go to `time`, handling the k-th message of all paths together."""
        rate = self.workers * self.probability
        counts = self.generator.poisson(rate * (time - self.now), size=len(self.held))
        sent = self.generator.uniform(self.now, time, (len(counts), counts.max()))
        sent[np.arange(counts.max()) >= counts[:, None]] = np.inf
        for k, times in enumerate(np.sort(sent, axis=1).T):
            each = np.flatnonzero(counts > k)
            self._push(each, times[each])
        self._see((slice(None), slice(None)), np.full(self.seen.shape, time))
        self.now = time

    def apart(self) -> np.ndarray:
        """Return (1/M) Σ ‖x_m − x̄‖² per dimension, `(paths,)`."""
        x = self.held[..., 1:] / self.held[..., :1]
        return x.var(axis=1).mean(axis=-1)

    def _push(self, each: np.ndarray, times: np.ndarray) -> None:
        """Take a step of any worker in each of these paths, send half to any other, and merge what it has received."""
        sender = self.generator.integers(self.workers, size=len(each))
        peer = (sender + self.generator.integers(1, self.workers, size=len(each))) % self.workers
        self._see((each, sender), times)
        self._see((each, peer), times)
        half = self._noisy(self.held[each, sender], np.ones(len(each))) / 2
        self.way[each, peer] += half
        self.held[each, sender] = half + self.way[each, sender]
        self.way[each, sender] = 0

    def _see(self, who: tuple[Any, Any], times: np.ndarray) -> None:
        """Take the steps without a message that these workers took until then."""
        count = self.generator.poisson((1 - self.probability) * (times - self.seen[who]))
        first = np.minimum(count, 1)
        held = self._noisy(self.held[who], first) + first[..., None] * self.way[who]
        self.held[who] = self._noisy(held, count - first)
        self.way[who] *= 1 - first[..., None]
        self.seen[who] = times

    def _noisy(self, held: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Return it with x moved by that number of steps: αx by α times a normal vector of that variance."""
        noise = np.sqrt(count)[..., None] * self.generator.standard_normal((*count.shape, held.shape[-1] - 1))
        return np.concatenate([held[..., :1], held[..., 1:] + held[..., :1] * noise], axis=-1)
