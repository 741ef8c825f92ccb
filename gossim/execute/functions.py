"""What the functions of `Apply` compute, each on a batch of rows: workers at different steps share one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..optimizers.adam import AdamStep, SquaredAverage


def apply(functions: Sequence[Any], *rows: torch.Tensor) -> torch.Tensor:
    """`functions`, all of one type, one for each row of a batch: `(count, dim)` for each argument → `(count, dim)`."""
    return FUNCTIONS[type(functions[0])](functions, *rows)


def squared_average(functions: Sequence[SquaredAverage], v: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    keep, add = columns(functions, v)
    return (g * g).mul_(add).add_(keep * v)


def adam_step(functions: Sequence[AdamStep], x: torch.Tensor, m: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    keep, rate, root, epsilon = columns(functions, x)
    moved = (rate * m).div_(v.sqrt().div_(root).add_(epsilon))
    return (keep * x).sub_(moved)


def columns(functions: Sequence[tuple[float, ...]], like: torch.Tensor) -> torch.Tensor:
    """The numbers of `functions`, a column each: `(parameters, count, 1)`, of the kind of `like`."""
    return torch.tensor(functions, dtype=like.dtype, device=like.device).T.unsqueeze(2)


FUNCTIONS: dict[type, Callable[..., torch.Tensor]] = {
    SquaredAverage: squared_average,
    AdamStep: adam_step,
}
"""By the type of a function, what it computes; it must leave its arguments as they are, for they may be the rows."""
