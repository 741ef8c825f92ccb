"""A quadratic whose gradients are known in closed form."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from ...schema.bounds import Bounds
from ...schema.fields import Count, NonNegative
from ._base import ModelSpec


class Quadratic(ModelSpec):
    """½ (x − x⋆)ᵀ A (x − x⋆), x⋆ = (1, …, 1), A diagonal from 1 to `condition_number` in equal ratios; x⁰ = 0.

    A gradient is A(x − x⋆) + `gradient_noise` · z/√batch_size with z standard normal. The loss at x⋆ is 0.
    """

    needs_data: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("train_loss", "test_loss")
    name: Literal["quadratic"] = "quadratic"
    dim: Count = 10
    condition_number: Annotated[float, Bounds(">= 1", ge=1)] = 10.0
    gradient_noise: NonNegative = 0.0

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        return self.dim
