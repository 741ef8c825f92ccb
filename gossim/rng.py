"""Named random streams: every random number comes from a generator named by (seed, purpose, index…).

Two streams with different names are independent (`numpy.random.SeedSequence` spawn keys), and what one stream has
drawn never moves another. So a worker's k-th gradient takes the same time and sees the same minibatch under every
algorithm, and arms with one seed are paired.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

FIRST_BLOCK, LARGEST_BLOCK, GROWTH = 32, 512, 4
"""Draws made at once: first few, for a hundred thousand workers that take a few steps each, then GROWTH times as
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


Draw = Callable[[np.random.Generator, int], np.ndarray]
"""So many draws from a generator."""


class Blocks:
    """Endless blocks of float64 from the stream of that name.

    Between two blocks there is no generator, only its state, which takes a tenth of the memory.
    """

    __slots__ = ("_draw", "_size", "_state")

    def __init__(self, draw: Draw, seed: int, purpose: Purpose, *index: int):
        self._draw, self._size = draw, FIRST_BLOCK
        self._state = _state_of(stream(seed, purpose, *index))

    def __iter__(self) -> Iterator[np.ndarray]:
        return self

    def __next__(self) -> np.ndarray:
        generator = _generator_in(self._state)
        block = np.ascontiguousarray(self._draw(generator, self._size), dtype=np.float64)
        self._state = _state_of(generator)
        self._size = min(GROWTH * self._size, LARGEST_BLOCK)
        return block


class _Unseeded(ISeedSequence):
    """For a generator whose state is set at once."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return np.zeros(n_words, dtype)


State = tuple[int, int, int, int]


def _state_of(generator: np.random.Generator) -> State:
    told: Any = generator.bit_generator.state
    return told["state"]["state"], told["state"]["inc"], told["has_uint32"], told["uinteger"]


def _generator_in(state: State) -> np.random.Generator:
    number, increment, has_uint32, uinteger = state
    bits = np.random.PCG64(_Unseeded())  # type: ignore[arg-type]  # numpy's stubs do not know its own base class
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": number, "inc": increment},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)


def uniform(generator: np.random.Generator, count: int) -> np.ndarray:
    """In [0, 1)."""
    return generator.random(count)


def in_blocks(draw: Draw, seed: int, purpose: Purpose, *index: int) -> Iterator[float]:
    """Endless Python floats from the stream of that name; some 50 ns each, where scipy takes 50 µs for one."""
    for block in Blocks(draw, seed, purpose, *index):
        yield from memoryview(block)  # type: ignore[arg-type]


NO_DRAWS = np.empty(0)


class PeerRandom:
    """A worker's own uniform numbers in [0, 1), for deciding whether and with whom to communicate."""

    __slots__ = ("_block", "_blocks", "_place")

    def __init__(self, seed: int, worker: int):
        self._blocks = Blocks(uniform, seed, Purpose.PEERS, worker)
        self._block = NO_DRAWS
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
