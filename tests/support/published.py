"""A run whose every gradient is at hand, for the published pseudo-code to be written a second time beside it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np

from gossim.rng import Purpose, stream
from support.several import Several, observed

M, K, ETA = 5, 25, 0.05
SAME: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-11}
UNEVEN: dict[str, Any] = {"compute": {"time_s": {"distribution": "lognorm", "s": 0.4, "scale": 0.1}}, "workers": M}
IMMEDIATE = {"latency_s": 0.0, "bandwidth_bytes_per_s": None}
Vectors = np.ndarray

CYCLE = np.roll(np.eye(M), 1, axis=0)
RING = (np.eye(M) + CYCLE + CYCLE.T) / 3


class Run:
    """A run of K gradients or more for each worker; `gradients(k, x)` says that worker m took its k-th at x_m."""

    def __init__(self, algorithm: dict[str, Any], **sections: Any):
        sections = {**UNEVEN, "until": {"gradient_steps": (K + 5) * M}, "topology": "ring", **sections}
        self.problem, self.world, self.rows = observed(seed=7, algorithm=algorithm, **sections)
        self.start = np.tile(self.problem.initial().numpy(), (M, 1))

    def gradients(self, k: int, x: Vectors) -> Vectors:
        np.testing.assert_allclose(self.problem.points(k).numpy(), x, **SAME)
        return self.problem.slopes(k).numpy()


def ends(seed: int) -> Iterator[int]:
    """Who ends a gradient next, from the stream of compute times; nobody waits."""
    seconds = [iter(0.1 * np.exp(0.4 * stream(seed, Purpose.COMPUTE, m).standard_normal(256))) for m in range(M)]
    queue = [(next(seconds[m]), m) for m in range(M)]
    heapq.heapify(queue)
    while True:
        now, m = heapq.heappop(queue)
        yield m
        heapq.heappush(queue, (now + next(seconds[m]), m))


def taken(problem: Several, m: int, k: int, x: Vectors) -> Vectors:
    point, gradient = problem.seen[m, k]
    np.testing.assert_allclose(point.numpy(), x, **SAME)
    return gradient.numpy()


class Cluster:
    """Who ends which gradient next, from the streams of compute times; whoever is not begun anew does nothing."""

    def __init__(self) -> None:
        drawn = [stream(7, Purpose.COMPUTE, m).standard_normal(512) for m in range(M)]
        self.seconds: list[Iterator[float]] = [iter(0.1 * np.exp(0.4 * own)) for own in drawn]
        self.queue: list[tuple[float, int, int]] = []
        self.now, self.begun = 0.0, [0] * M

    def begin(self, m: int) -> int:
        """Worker m begins its next gradient, and gives up the one that it computes, if any. Returns its number."""
        heapq.heappush(self.queue, (self.now + next(self.seconds[m]), m, self.begun[m]))
        self.begun[m] += 1
        return self.begun[m] - 1

    def ends(self) -> Iterator[tuple[int, int]]:
        while True:
            self.now, m, number = heapq.heappop(self.queue)
            if number == self.begun[m] - 1:
                yield m, number
