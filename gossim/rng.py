"""Named random streams: every random number comes from a generator named by (seed, purpose, index…).

Two streams with different names are independent (`numpy.random.SeedSequence` spawn keys), and what one stream has
drawn never moves another. So a worker's k-th gradient takes the same time and sees the same minibatch under every
algorithm, and arms with one seed are paired.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np

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
    TIES = "ties"
    ROTATION = "rotation"
    MATCHING = "matching"
    DIVISION = "division"
    INITIATOR = "initiator"
    STATISTICS = "statistics"
    SHUFFLE = "shuffle"


def _seed_sequence(seed: int, purpose: Purpose, index: tuple[int, ...]) -> np.random.SeedSequence:
    # A checksum of the name, not its position in the list: a new purpose leaves the others' numbers alone.
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), *index))


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """Return the generator of that name."""
    return np.random.Generator(np.random.PCG64(_seed_sequence(seed, purpose, index)))


def key(seed: int, purpose: Purpose, *index: int) -> int:
    """Return a 64-bit key of that name, for counter-based draws (`problems.keyed`), within a signed integer."""
    return int(_seed_sequence(seed, purpose, index).generate_state(1, np.uint64).view(np.int64)[0])


Draw = Callable[["np.random.Generator", int], "np.ndarray"]
"""Draws a number of values from a generator."""


class Blocks:
    """Endless blocks of float64 from the stream of that name, of any law.

    Between two blocks only the packed state of the generator is kept, which takes less than a tenth of the memory.
    Before the first block only the name is.
    """

    __slots__ = ("_size", "_start")

    def __init__(self, seed: int, purpose: Purpose, *index: int):
        self._start: tuple[Any, ...] | bytes = (seed, purpose, *index)
        self._size = FIRST_BLOCK

    def take(self, draw: Draw) -> np.ndarray:
        """Draw the next block."""
        start = self._start
        generator = _generator_in(start) if isinstance(start, bytes) else stream(*start)
        block = np.ascontiguousarray(draw(generator, self._size), dtype=np.float64)
        self._start = _state_of(generator)
        self._size = min(GROWTH * self._size, LARGEST_BLOCK)
        return block


@cache
def _unseeded() -> Any:
    """Return a seed for a generator whose state is set at once."""
    from numpy.random.bit_generator import ISeedSequence

    class Unseeded(ISeedSequence):
        def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
            return np.zeros(n_words, dtype)

    return Unseeded()


WORD, FLOAT = 16, 8
"""Bytes of each number of a generator's state, and of a number drawn."""


def _state_of(generator: np.random.Generator) -> bytes:
    """Return PCG64's state, its increment, and the half of a draw that may be left over."""
    told: Any = generator.bit_generator.state
    numbers: dict[str, int] = told["state"]
    state = numbers["state"].to_bytes(WORD, "little") + numbers["inc"].to_bytes(WORD, "little")
    return state + told["uinteger"].to_bytes(WORD, "little") if told["has_uint32"] else state


def _generator_in(state: bytes) -> np.random.Generator:
    number, increment, *left = (int.from_bytes(state[at : at + WORD], "little") for at in range(0, len(state), WORD))
    bits = np.random.PCG64(_unseeded())
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": number, "inc": increment},
        "has_uint32": len(left),
        "uinteger": left[0] if left else 0,
    }
    return np.random.Generator(bits)


def uniform(generator: np.random.Generator, count: int) -> np.ndarray:
    """Draw uniform numbers in [0, 1)."""
    return generator.random(count)


def in_blocks(draw: Draw, seed: int, purpose: Purpose, *index: int) -> Iterator[float]:
    """Yield endless Python floats of the stream of that name, at some 50 ns each; scipy takes 50 µs for one."""
    blocks = Blocks(seed, purpose, *index)
    while True:
        yield from memoryview(blocks.take(draw))  # type: ignore[arg-type]


class PeerRandom(Blocks):
    """A worker's own uniform numbers in [0, 1), which decide whether and with which peer it communicates.

    Those of a block are kept as bytes, because there may be a million workers: an array of 32 is a fourth larger.
    """

    __slots__ = ("_block", "_place")

    def __init__(self, seed: int, worker: int):
        super().__init__(seed, Purpose.PEERS, worker)
        self._block = b""
        self._place = 0

    def random(self) -> float:
        """Return the next number."""
        numbers = self._numbers()
        self._place += 1
        return float(numbers[self._place - 1])

    def ahead_until(self, probability: float) -> tuple[int, bool]:
        """Look ahead for the first number below `probability`. The numbers are still to come.

        Returns:
            How many numbers there are up to it, itself included, and True; or how many are known so far, at least
            one, and False.
        """
        below = self._numbers()[self._place :] < probability
        first = int(below.argmax())
        return (first + 1, True) if below[first] else (len(below), False)

    def skip(self, count: int) -> None:
        """Pass over `count` of the numbers ahead."""
        self._place += count

    def _numbers(self) -> np.ndarray:
        """Return the block that the next number is in."""
        if FLOAT * self._place == len(self._block):
            self._block, self._place = self.take(uniform).tobytes(), 0
        return np.frombuffer(self._block)
