"""What the functions of `Apply` compute, each on a batch of rows: workers at different steps share one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..algorithms._compression import QuantizeFunction, RandomKFunction, SignFunction, TopKFunction
from ..algorithms._fragments import FragmentFunction, NormFunction, ProductFunction, UnitFunction
from ..optimizers.adam import AdamStep, SquaredAverage
from ..problems.keyed import mix, uniforms


def apply(functions: Sequence[Any], *rows: torch.Tensor) -> torch.Tensor:
    """Apply `functions`, all of one type, one per row of a batch: `(count, dim)` for each argument → `(count, dim)`."""
    return FUNCTIONS[type(functions[0])](functions, *rows)


def squared_average(functions: Sequence[SquaredAverage], v: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    keep, add = columns(functions, v)
    return (g * g).mul_(add).add_(keep * v)


def adam_step(functions: Sequence[AdamStep], x: torch.Tensor, m: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    keep, rate, root, epsilon = columns(functions, x)
    moved = (rate * m).div_(v.sqrt().div_(root).add_(epsilon))
    return (keep * x).sub_(moved)


def top_k(functions: Sequence[TopKFunction], v: torch.Tensor) -> torch.Tensor:
    return torch.stack([_only(row, row.abs(), f.fraction) for f, row in zip(functions, v, strict=True)])


def random_k(functions: Sequence[RandomKFunction], v: torch.Tensor) -> torch.Tensor:
    keys = mix(torch.tensor([[f.seed, f.step] for f in functions], device=v.device)).sum(dim=1)
    drawn = uniforms(mix(keys), v.shape[1])
    return torch.stack([_only(row, u, f.fraction) for f, row, u in zip(functions, v, drawn, strict=True)])


def _only(row: torch.Tensor, rank: torch.Tensor, fraction: float) -> torch.Tensor:
    """Return `row`, `(dim,)`, where `rank` is among the ⌈fraction · dim⌉ largest, and zeros elsewhere."""
    # A product such as 0.07 · 100 is a rounding above a whole number, and must not count as the next one.
    count = math.ceil(fraction * len(row) * (1 - 1e-12))
    places = torch.topk(rank, count).indices
    return torch.zeros_like(row).index_copy_(0, places, row[places])


def sign(functions: Sequence[SignFunction], v: torch.Tensor) -> torch.Tensor:
    return v.sign() * v.abs().mean(dim=1, keepdim=True)


def quantize(functions: Sequence[QuantizeFunction], v: torch.Tensor) -> torch.Tensor:
    keys = mix(torch.tensor([[f.seed, f.step] for f in functions], device=v.device)).sum(dim=1)
    drawn = uniforms(mix(keys), v.shape[1])
    return torch.stack([_quantized(f, row, u) for f, row, u in zip(functions, v, drawn, strict=True)])


def _quantized(f: QuantizeFunction, row: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """`row`, `(dim,)`, rounded by the draws `u`."""
    levels = 2 ** (f.bits - 1) - 1
    chunks = nn.functional.pad(row, (0, -len(row) % f.chunk)).view(-1, f.chunk)
    scales = chunks.abs().amax(dim=1, keepdim=True).expand_as(chunks).reshape(-1)[: len(row)]
    whole = torch.floor(torch.where(scales > 0, row.abs() / scales, row.abs()) * levels + u.to(row.dtype))
    return row.sign() * scales * whole.clamp_(max=levels) / levels


def fragment(functions: Sequence[FragmentFunction], v: torch.Tensor) -> torch.Tensor:
    kept = torch.zeros_like(v)
    for f, out, row in zip(functions, kept, v, strict=True):
        begin, end = f.bounds(v.shape[1])
        out[begin:end] = row[begin:end]
    return kept


def unit(functions: Sequence[UnitFunction], v: torch.Tensor) -> torch.Tensor:
    norms = torch.linalg.vector_norm(v, dim=1, keepdim=True)
    return torch.where(norms > 0, v / norms, v)


def norm(functions: Sequence[NormFunction], v: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(v, dim=1, keepdim=True).expand_as(v)


def product(functions: Sequence[ProductFunction], u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return u * v


def columns(functions: Sequence[tuple[float, ...]], like: torch.Tensor) -> torch.Tensor:
    """Return the numbers of `functions`, one column each, as `(parameters, count, 1)` of the dtype and device of
    `like`.
    """
    return torch.tensor(functions, dtype=like.dtype, device=like.device).T.unsqueeze(2)


FUNCTIONS: dict[type, Callable[..., torch.Tensor]] = {
    SquaredAverage: squared_average,
    AdamStep: adam_step,
    TopKFunction: top_k,
    RandomKFunction: random_k,
    SignFunction: sign,
    QuantizeFunction: quantize,
    FragmentFunction: fragment,
    UnitFunction: unit,
    NormFunction: norm,
    ProductFunction: product,
}
"""By the type of a function, what it computes; it must leave its arguments as they are, for they may be the rows."""
