"""Gradients that are nothing but noise."""

from __future__ import annotations

from typing import ClassVar, Literal

from ...schema.fields import Count
from ._base import ModelSpec


class Noise(ModelSpec):
    """No loss: every gradient is a standard normal vector of size `dim`, whatever the batch size; x⁰ = 0.

    So x ← x − ηz, the consensus experiment of arXiv:1804.01852.
    """

    needs_data: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ()
    name: Literal["noise"] = "noise"
    dim: Count

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        return self.dim
