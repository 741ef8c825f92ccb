"""Named random streams: every random number comes from a generator named by (seed, purpose, index…).

Two streams with different names are independent (`numpy.random.SeedSequence` spawn keys), and what one stream has
drawn never moves another. So a worker's k-th gradient takes the same time and sees the same minibatch under every
algorithm, and arms with one seed are paired.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum

import numpy as np

FIRST_BLOCK, LARGEST_BLOCK, GROWTH = 8, 512, 4
"""Draws made at once: first few, for a hundred thousand workers that take five steps each, then GROWTH times as
many every time. Constants: for rejection samplers the sizes are part of what the stream is."""


class Purpose(StrEnum):
    COMPUTE = "compute"
    NETWORK = "network"
    JITTER = "jitter"
    BANDWIDTH = "bandwidth"
    LOSS = "loss"
    FAULTS = "faults"
    FETCHES = "fetches"
    COMPRESSION = "compression"
    PEERS = "peers"
    DATA = "data"
    PARTITION = "partition"
    INITIALISATION = "initialisation"
    STRAGGLERS = "stragglers"
    DROPOUT = "dropout"
    GRADIENT_NOISE = "gradient_noise"
    TOPOLOGY = "topology"


def _seed_sequence(seed: int, purpose: Purpose, index: tuple[int, ...]) -> np.random.SeedSequence:
    # A checksum of the name, not its position in the list: a new purpose leaves the others' numbers alone.
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), *index))


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """The generator of that name."""
    return np.random.Generator(np.random.PCG64(_seed_sequence(seed, purpose, index)))


def key(seed: int, purpose: Purpose, *index: int) -> int:
    """A 64-bit key of that name, for counter-based draws (`problems.keyed`); in the range of a signed integer."""
    return int(_seed_sequence(seed, purpose, index).generate_state(1, np.uint64).view(np.int64)[0])


def blocks(draw: Callable[[int], np.ndarray]) -> Iterator[np.ndarray]:
    """Endless blocks of float64 from `draw(count)`."""
    size = FIRST_BLOCK
    while True:
        yield np.ascontiguousarray(draw(size), dtype=np.float64)
        size = min(GROWTH * size, LARGEST_BLOCK)


def in_blocks(draw: Callable[[int], np.ndarray]) -> Iterator[float]:
    """Endless Python floats from `draw(count)`; some 50 ns each, where a scalar draw from scipy takes 50 µs."""
    for block in blocks(draw):
        yield from memoryview(block)  # type: ignore[arg-type]


class PeerRandom:
    """A worker's own uniform numbers in [0, 1), for deciding whether and with whom to communicate."""

    def __init__(self, seed: int, worker: int):
        self._blocks = blocks(stream(seed, Purpose.PEERS, worker).random)
        self._block = np.empty(0)
        self._place = 0

    def random(self) -> float:
        """The next number."""
        number = self.ahead()[0]
        self._place += 1
        return float(number)

    def ahead(self) -> np.ndarray:
        """Some of the numbers that come next, one at least; they are still to come."""
        if self._place == len(self._block):
            self._block, self._place = next(self._blocks), 0
        return self._block[self._place :]

    def skip(self, count: int) -> None:
        """Pass over so many numbers of those `ahead`."""
        self._place += count
