"""A residual network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from ...schema.fields import Count
from ...schema.violations import broken_at
from ..task import Task
from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn

GROUPS = 8
"""Of GroupNorm, unless they are said."""


class ResNet(ModelSpec):
    """The residual network for small images of He et al. (arXiv:1512.03385, section 4.2), of `depth` 8, 20, …: 6n + 2.

    A 3 × 3 convolution, then three stages of n blocks of two with `width`, 2 `width` and 4 `width` channels, shortcuts
    without parameters, the mean over pixels, and a linear layer. `norm`: by `group` (GroupNorm; 8 groups, or `groups`)
    or by `batch` (BatchNorm). ResNet-20 of width 16 has 269,722 parameters on 3-channel images of ten classes.
    """

    name: Literal["resnet"] = "resnet"
    depth: Count = 8
    width: Count = 16
    norm: Literal["group", "batch"] = "group"
    groups: Count | None = None

    @model_validator(mode="after")
    def _depth_and_groups(self) -> ResNet:
        if self.depth < 8 or self.depth % 6 != 2:
            raise broken_at(("depth",), self.depth, "must be 8, 14, 20, …: 6n + 2, three stages of n blocks of two")
        if self.norm == "batch" and self.groups is not None:
            raise broken_at(("groups",), self.groups, "is of norm: group; leave it out")
        if self.norm == "group" and self.width % self._groups:
            key = "width" if self.groups is None else "groups"
            rule = f"groups must divide width, and they are {self._groups} and {self.width}"
            raise broken_at((key,), getattr(self, key), rule)
        return self

    @property
    def _groups(self) -> int:
        return self.groups or GROUPS

    def unfit(self, shape: tuple[int, ...], task: Task) -> str | None:
        if len(shape) == 3:
            return None
        return f"needs images (channels, height, width), and problem.data gives samples of shape {shape}"

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        blocks, w = (self.depth - 2) // 6, self.width
        # Each convolution has 9 · in · out weights and is followed by 2 · out of its norm.
        stages = [(2 * blocks - (stage > 0), w * 2**stage) for stage in range(3)]
        filters = sum(9 * count * out * out for count, out in stages) + 9 * (w * 2 * w + 2 * w * 4 * w)
        norms = 2 * w + 2 * blocks * 2 * (w + 2 * w + 4 * w)
        return 9 * shape[0] * w + filters + norms + (4 * w + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        from ..networks.residual import ResidualNetwork as Network

        norm = nn.BatchNorm2d if self.norm == "batch" else partial(nn.GroupNorm, self._groups)
        return Network(shape[0], classes, (self.depth - 2) // 6, self.width, norm)
