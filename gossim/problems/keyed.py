"""Random numbers that are a function of a key and a position, so that the order of execution cannot change them.

torch has no stateless generator, and one generator for each (worker, step) would cost more than the step.
The i-th number of key k is SplitMix64's: its generator started at k, i steps on, whose output is one hash of k + iγ.
Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

import math

import torch

from ..rng import Purpose, key


def _signed(word: int) -> int:
    """Return the same 64 bits as a signed number, as torch holds them."""
    return word - (1 << 64) if word >> 63 else word


GAMMA = _signed(0x9E3779B97F4A7C15)
MIX_1 = _signed(0xBF58476D1CE4E5B9)
MIX_2 = _signed(0x94D049BB133111EB)


def _shift_right(words: torch.Tensor, bits: int) -> torch.Tensor:
    """Shift right and fill with zeros; torch's own shift copies the sign."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def mix(words: torch.Tensor) -> torch.Tensor:
    """Apply SplitMix64's output function, a bijection on 64-bit words; int64 in and out, any shape."""
    words = (words ^ _shift_right(words, 30)) * MIX_1
    words = (words ^ _shift_right(words, 27)) * MIX_2
    return words ^ _shift_right(words, 31)


def uniforms(keys: torch.Tensor, count: int, first: int = 1) -> torch.Tensor:
    """Return `(..., count)` numbers in (0, 1), float64, for keys of shape `(...)`, from number `first` of each key
    on.
    """
    positions = torch.arange(first, first + count, device=keys.device)
    words = mix(keys.unsqueeze(-1) + positions * GAMMA)
    return (_shift_right(words, 12).double() + 0.5) / 2**52


AT_ONCE = 2**16
"""Numbers that are drawn at once on a CPU: all that is on the way to them stays in the cache."""


def normals(keys: torch.Tensor, count: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Return `(batch, count)` standard normal numbers for keys of shape `(batch,)`, by the inverse distribution
    function in float64, then rounded to `dtype`.
    """
    if len(keys) * count <= AT_ONCE or keys.device.type != "cpu":
        return _normals(keys, count, 1).to(dtype)
    out = torch.empty(len(keys), count, dtype=dtype)
    height, width = max(1, AT_ONCE // count), min(count, AT_ONCE)
    for rows, own in zip(out.split(height), keys.split(height), strict=True):
        for part, first in zip(rows.split(width, dim=1), range(1, count + 1, width), strict=True):
            part.copy_(_normals(own, part.shape[1], first))
    return out


def _normals(keys: torch.Tensor, count: int, first: int) -> torch.Tensor:
    return math.sqrt(2) * torch.erfinv(2 * uniforms(keys, count, first) - 1)


class StepKeys:
    """One key for every (worker, step), from the streams named (seed, purpose, worker)."""

    def __init__(self, seed: int, purpose: Purpose, workers: int, device: torch.device):
        self.bases = torch.tensor([key(seed, purpose, worker) for worker in range(workers)], device=device)

    def __call__(self, workers: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        """Return keys of shape `(batch,)` for workers and steps of that shape."""
        return mix(self.bases[workers] + (steps + 1) * GAMMA)
