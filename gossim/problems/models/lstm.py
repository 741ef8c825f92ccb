"""A recurrent network."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from ...errors import InputError
from ...schema.fields import Count, Fraction01
from ...schema.violations import broken_at
from ..task import Task
from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class LSTM(ModelSpec):
    """torch's `nn.LSTM` of `layers` with a state of `width` numbers, and a linear layer.

    Of tokens, embedded in `width` numbers, it tells the next one at each position. Of samples `(length, features)`, or
    of images as sequences of their rows, it gives what follows from the state after the last position. `dropout` is
    `nn.LSTM`'s: between layers.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("classification", "regression", "tokens")
    name: Literal["lstm"] = "lstm"
    layers: Count = 1
    width: Count = 64
    dropout: Fraction01 = 0.0

    @model_validator(mode="after")
    def _dropout_between_layers(self) -> LSTM:
        if self.dropout and self.layers == 1:
            raise broken_at(("dropout",), self.dropout, "is between layers, and layers = 1; leave it out")
        return self

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        features = self.width if len(shape) == 1 else shape[-1] if len(shape) == 2 else shape[0] * shape[2]
        gates = 4 * self.width * (features + (2 * self.layers - 1) * self.width + 2 * self.layers)
        embedding = classes * self.width if len(shape) == 1 else 0
        return embedding + gates + (self.width + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from ..networks.recurrent import LastState, NextToken

        if len(shape) == 1:
            return NextToken(classes, self.width, self.layers, self.dropout)
        if len(shape) > 3:
            raise InputError(
                "problem.model = lstm: needs sequences, (length,) of tokens or (length, features), or images; "
                f"problem.data gives samples of shape {shape}"
            )
        features = shape[-1] if len(shape) == 2 else shape[0] * shape[2]
        return LastState(features, classes, self.width, self.layers, self.dropout)
