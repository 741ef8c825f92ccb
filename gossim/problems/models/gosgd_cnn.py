"""The convolutional network of GoSGD's experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ...schema.fields import Fraction01
from ..task import Task
from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class GoSGDCNN(ModelSpec):
    """The network of GoSGD's experiment and of EASGD (arXiv:1412.6651): 286,154 parameters on 3 × 28 × 28 images.

    Conv(→64, 5×5)-ReLU-MaxPool2-Conv(→128, 5×5)-ReLU-MaxPool2-Conv(→64, 3×3)-ReLU-Dropout-Linear(256→10).
    """

    SIDE: ClassVar[int] = 28

    name: Literal["gosgd_cnn"] = "gosgd_cnn"
    dropout: Fraction01 = 0.5

    def unfit(self, shape: tuple[int, ...], task: Task) -> str | None:
        if len(shape) == 3 and shape[1:] == (self.SIDE, self.SIDE):
            return None
        given = " × ".join(map(str, shape[1:] if len(shape) == 3 else shape))
        return (
            f"needs images of {self.SIDE} × {self.SIDE} pixels, and problem.data gives {given}; use mnist5k, "
            "fashion_mnist or cifar10"
        )

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        filters = (shape[0] * 25 + 1) * 64 + (64 * 25 + 1) * 128 + (128 * 9 + 1) * 64
        return filters + (256 + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        return nn.Sequential(
            *(nn.Conv2d(shape[0], 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 128, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(128, 64, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(self.dropout)),
            nn.Linear(256, classes),
        )
