"""Compression of what is sent: most of a vector is set to zero, or rounded.

The docstrings give Q(v) for v of d numbers, and the share of the uncompressed size that is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from ..rng import Purpose, key
from ..schema.bounds import Bounds
from ..schema.chosen import chosen_by
from ..schema.fields import AS_WHOLE, Count, Frozen, SomeProbability
from ..sim.worker import Worker


class TopKFunction(NamedTuple):
    """The ⌈fraction · d⌉ numbers of the largest modulus, and zeros."""

    fraction: float


class RandomKFunction(NamedTuple):
    """⌈fraction · d⌉ numbers at places drawn by `seed` and `step`, and zeros."""

    fraction: float
    seed: int
    step: int


class SignFunction(NamedTuple):
    """(‖v‖₁/d) · sign(v)."""


class QuantizeFunction(NamedTuple):
    """In chunks of `chunk` numbers, m their largest modulus and s = 2^(bits − 1) − 1: ±m/s · ⌊s|v|/m + u⌋, with u drawn
    evenly in [0, 1) by `seed` and `step`."""

    bits: int
    chunk: int
    seed: int
    step: int


class Compression(Frozen):
    """A way to send less than a whole vector."""

    name: str

    def size_share(self, number_bits: int) -> float:
        """Return the bytes sent per byte of the vector, whose numbers have that many bits."""
        raise NotImplementedError

    def compress(self, w: Worker, row: int) -> None:
        """Replace a row by Q(row)."""
        function = self.function(w)
        if function is not None:
            w.apply(row, function, (row,))

    def function(self, w: Worker) -> Any:
        """Return what the numeric plane applies, or None if Q changes nothing."""
        raise NotImplementedError


class NoCompression(Compression):
    """Q(v) = v."""

    name: Literal["none"] = "none"

    def size_share(self, number_bits: int) -> float:
        return 1.0

    def function(self, w: Worker) -> Any:
        return None


class TopK(Compression):
    """The `fraction` of the numbers with the largest modulus, the rest 0. Sent with their places, each as large as a
    number: share 2 · fraction, at most 1."""

    name: Literal["top_k"] = "top_k"
    fraction: SomeProbability

    def size_share(self, number_bits: int) -> float:
        return min(1.0, 2 * self.fraction)

    def function(self, w: Worker) -> Any:
        return TopKFunction(self.fraction)


class RandomK(Compression):
    """A random `fraction` of the numbers, drawn anew each time, the rest 0. The places follow from a seed that the
    receiver knows: share `fraction`."""

    name: Literal["random_k"] = "random_k"
    fraction: SomeProbability

    def size_share(self, number_bits: int) -> float:
        return self.fraction

    def function(self, w: Worker) -> Any:
        return RandomKFunction(self.fraction, key(w.context.seed, Purpose.COMPRESSION, w.index), w.gradients)


class Sign(Compression):
    """(‖v‖₁/d) · sign(v): a bit for each number, and the mean modulus, which is not counted: share 1/32 of numbers of
    32 bits, 1/64 where `dtype: float64`."""

    name: Literal["sign"] = "sign"

    def size_share(self, number_bits: int) -> float:
        return 1 / number_bits

    def function(self, w: Worker) -> Any:
        return SignFunction()


class Quantize(Compression):
    """Numbers of `bits` bits, with the largest modulus of each `chunk` of them, rounded up or down at random so that
    the mean is right: for chunks of m at most and s = 2^(bits − 1) − 1, multiples of m/s. Share bits/b + 1/chunk of
    numbers of b bits."""

    name: Literal["quantize"] = "quantize"
    bits: Annotated[int, Bounds("a whole number from 2 to 16", ge=2, le=16), AS_WHOLE]
    chunk: Count = 512

    def size_share(self, number_bits: int) -> float:
        return self.bits / number_bits + 1 / self.chunk

    def function(self, w: Worker) -> Any:
        seed = key(w.context.seed, Purpose.COMPRESSION, w.index)
        return QuantizeFunction(self.bits, self.chunk, seed, w.gradients)


COMPRESSIONS: dict[str, type[Compression]] = {
    "none": NoCompression,
    "top_k": TopK,
    "random_k": RandomK,
    "sign": Sign,
    "quantize": Quantize,
}

if TYPE_CHECKING:
    AnyCompression = Compression
else:
    AnyCompression = chosen_by("name", COMPRESSIONS, alone=True)
