"""A residual network for small images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

Norm = Callable[[int], nn.Module]
"""A layer that normalises that many channels."""


class ResidualBlock(nn.Module):
    """ReLU(shortcut(x) + norm(conv(ReLU(norm(conv(x)))))) with 3 × 3 filters.

    Where channels are doubled and sides halved, the shortcut takes every second pixel and fills the new channels with
    zeros: option A of the paper, without parameters.
    """

    def __init__(self, channels: int, out: int, stride: int, norm: Norm):
        super().__init__()
        self.added, self.stride = out - channels, stride
        self.conv_1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.conv_2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm_1, self.norm_2 = norm(out), norm(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm_2(self.conv_2(torch.relu(self.norm_1(self.conv_1(x)))))
        if self.added:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return torch.relu(x + inner)


class ResidualNetwork(nn.Module):
    """Images `(batch, channels, height, width)` to `(batch, outputs)`: three stages of `blocks` blocks each."""

    def __init__(self, channels: int, outputs: int, blocks: int, width: int, norm: Norm):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, width, 3, padding=1, bias=False), norm(width)
        layers: list[nn.Module] = []
        before = width
        for stage in range(3):
            for number in range(blocks):
                after = width * 2**stage
                layers.append(ResidualBlock(before, after, 2 if stage and not number else 1, norm))
                before = after
        self.blocks, self.head = nn.Sequential(*layers), nn.Linear(before, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(torch.relu(self.norm(self.conv(x))))
        out: torch.Tensor = self.head(x.mean(dim=(2, 3)))
        return out
