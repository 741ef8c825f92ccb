"""A multilayer perceptron."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Literal

from ...schema.fields import Counts, Fraction01
from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class MLP(ModelSpec):
    """Linear layers of the `hidden` widths with ReLU between them, and dropout after each ReLU if `dropout` > 0."""

    name: Literal["mlp"] = "mlp"
    hidden: Counts
    dropout: Fraction01 = 0.0

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        widths = (math.prod(shape), *self.hidden, classes)
        return sum((before + 1) * after for before, after in itertools.pairwise(widths))

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        widths = (math.prod(shape), *self.hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes))
