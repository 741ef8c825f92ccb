"""A recurrent network."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

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

    def unfit(self, shape: tuple[int, ...], task: Task) -> str | None:
        if task == "tokens" and len(shape) != 1:
            return (
                f"predicts tokens from sequences of tokens, (length,), and problem.data gives samples of shape {shape}"
            )
        if task == "tokens" or len(shape) in (2, 3):
            return None
        return f"needs sequences, (length, features), or images, and problem.data gives samples of shape {shape}"

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        features = self.width if len(shape) == 1 else shape[-1] if len(shape) == 2 else shape[0] * shape[2]
        gates = 4 * self.width * (features + (2 * self.layers - 1) * self.width + 2 * self.layers)
        embedding = classes * self.width if len(shape) == 1 else 0
        return embedding + gates + (self.width + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from ..networks.recurrent import LastState, NextToken

        if len(shape) == 1:
            return NextToken(classes, self.width, self.layers, self.dropout)
        features = shape[-1] if len(shape) == 2 else shape[0] * shape[2]
        return LastState(features, classes, self.width, self.layers, self.dropout)
