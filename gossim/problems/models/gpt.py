"""A small GPT."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from ...schema.fields import Count, Fraction01
from ...schema.violations import broken_at
from ..task import Task
from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class GPT(ModelSpec):
    """A decoder-only transformer that predicts the next token, built like GPT-2 (Radford et al. 2019).

    `layers` of causal attention with `heads` and an MLP of 4 `width` with GELU, LayerNorm before each (pre-norm), and
    learned positions. `tied`: the output layer's weights are the token embedding's. `dropout` of embeddings, of
    attention weights and of what is added to the residual stream. V tokens and a context of T:
    12·layers·width² + (13·layers + 2)·width + (V + T)·width parameters, and V·width more if not tied.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("tokens",)
    name: Literal["gpt"] = "gpt"
    layers: Count = 2
    width: Count = 64
    heads: Count = 4
    dropout: Fraction01 = 0.0
    tied: bool = True

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> GPT:
        if self.width % self.heads:
            key = "heads" if "heads" in self.model_fields_set else "width"
            rule = f"heads must divide width, and they are {self.heads} and {self.width}"
            raise broken_at((key,), getattr(self, key), rule)
        return self

    def unfit(self, shape: tuple[int, ...], task: Task) -> str | None:
        if len(shape) == 1:
            return None
        return f"needs sequences of tokens, and problem.data gives samples of shape {shape}"

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        blocks = self.layers * (12 * self.width + 13) * self.width
        return blocks + (2 + shape[0] + classes * (1 if self.tied else 2)) * self.width

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from ..networks.transformer import Transformer

        return Transformer(classes, shape[0], self.layers, self.width, self.heads, self.dropout, self.tied)
