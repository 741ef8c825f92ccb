"""Logistic regression."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class Logistic(ModelSpec):
    """Multinomial logistic regression: one linear layer on the flattened sample."""

    name: Literal["logistic"] = "logistic"

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        return (math.prod(shape) + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes))
