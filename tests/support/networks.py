"""Models of the kind a user keeps in a file of their own."""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import torch
from torch import nn
from torch.nn import functional


def small_cnn(channels: int = 3) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, channels, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(9 * channels, 10),
    )


def told_shape(input_shape: tuple[int, ...], classes: int, width: int = 4) -> nn.Module:
    inputs = math.prod(input_shape)
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, classes))


def with_batch_norm() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))


def instance_norm() -> nn.Module:
    return nn.Sequential(nn.InstanceNorm2d(1, track_running_stats=True), nn.Flatten(), nn.Linear(64, 10))


def too_few_logits() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def not_a_module() -> int:
    return 3


class _Wrapped(nn.Module):
    """A linear layer, and something else around it."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(64, 10)
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.spare = nn.Linear(3, 3) if kind == "unused" else None
        self.conv = nn.Conv2d(1, 1, 3, padding=1) if kind == "conv" else None

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        if self.conv is not None:
            x = functional.dropout(self.conv(x), 0.5, self.training)
        x = self.linear(x.flatten(1))
        if self.kind == "dropout":
            return functional.dropout(x, 0.5, self.training) * self.scale
        if self.kind == "tuple":
            return (x, self.scale)
        if self.kind == "data" and float(x.sum().detach()) > 0:
            return x
        return x * self.scale


class _MyDropout(nn.Dropout):
    pass


def functional_dropout() -> nn.Module:
    return _Wrapped("dropout")


def functional_dropout_conv() -> nn.Module:
    return _Wrapped("conv")


def gives_a_tuple() -> nn.Module:
    return _Wrapped("tuple")


def decides_by_data() -> nn.Module:
    return _Wrapped("data")


def scaled() -> nn.Module:
    """With a parameter that is a number."""
    return _Wrapped("scaled")


def unused_layer() -> nn.Module:
    return _Wrapped("unused")


def randomised_relu() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.RReLU(), nn.Linear(64, 10))


class _Viewed(nn.Module):
    """Relies on torch's usual layout in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 3)
        self.last = nn.Linear(4 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        logits: torch.Tensor = self.last(x.view(len(x), -1))
        return logits


def viewed() -> nn.Module:
    return _Viewed()


def not_to_be_copied() -> nn.Module:
    network: Any = small_cnn()
    network.lock = threading.Lock()
    return network


def frozen() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    network[1].weight.requires_grad_(False)
    return network


def raises() -> nn.Module:
    raise KeyError("width")


def leaves() -> nn.Module:
    sys.exit(3)


def shared_dropout() -> nn.Module:
    dropout = nn.Dropout(0.4)
    return nn.Sequential(nn.Flatten(), dropout, nn.Linear(64, 8), dropout, nn.Linear(8, 10))


def subclassed_dropout() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), _MyDropout(0.4), nn.Flatten(), nn.Linear(72, 10))
