"""Networks put together from a list of parts, of every kind that users put together."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

WIDTH = 4

PARTS = (
    "linear",
    "conv",
    "lstm",
    "gru",
    "attention",
    "layer_norm",
    "group_norm",
    "batch_norm",
    "dropout",
    "functional_dropout",
    "tied",
    "checkpoint",
)


class Part(nn.Module):
    """Sequences `(batch, 8, WIDTH)` to such again."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self.inner: Any = {
            "linear": lambda: nn.Linear(WIDTH, WIDTH),
            "conv": lambda: nn.Conv1d(WIDTH, WIDTH, 3, padding=1),
            "lstm": lambda: nn.LSTM(WIDTH, WIDTH, batch_first=True),
            "gru": lambda: nn.GRU(WIDTH, WIDTH, 2, batch_first=True, dropout=0.3),
            "attention": lambda: nn.MultiheadAttention(WIDTH, 2, dropout=0.2, batch_first=True),
            "layer_norm": lambda: nn.LayerNorm(WIDTH),
            "group_norm": lambda: nn.GroupNorm(2, WIDTH),
            "batch_norm": lambda: nn.BatchNorm1d(WIDTH),
            "dropout": lambda: nn.Dropout(0.3),
            "functional_dropout": nn.Identity,
            "tied": lambda: nn.Linear(WIDTH, WIDTH, bias=False),
            "checkpoint": lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Dropout(0.2)),
        }[kind]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.inner
        match self.kind:
            case "conv" | "group_norm" | "batch_norm":
                found = inner(x.transpose(1, 2)).transpose(1, 2)
            case "lstm" | "gru":
                found = inner(x)[0]
            case "attention":
                found = inner(x, x, x, need_weights=False)[0]
            case "functional_dropout":
                found = functional.dropout(x, 0.3, self.training)
            case "tied":
                found = functional.linear(torch.tanh(inner(x)), inner.weight.T)
            case "checkpoint":
                found = checkpoint(inner, x, use_reentrant=False)
            case _:
                found = inner(x)
        return x + torch.tanh(found)


class Drawn(nn.Module):
    def __init__(self, parts: list[str], lazy: bool):
        super().__init__()
        self.first = nn.LazyLinear(WIDTH) if lazy else nn.Linear(8, WIDTH)
        self.parts = nn.Sequential(*[Part(kind) for kind in parts])
        self.last = nn.Linear(8 * WIDTH, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(self.parts(self.first(x[:, 0])).flatten(1))
        return logits


def drawn(parts: list[str], frozen: list[int] = (), lazy: bool = False) -> nn.Module:  # type: ignore[assignment]
    """Of digits, `(1, 8, 8)`, with the parts of these numbers frozen."""
    network = Drawn(parts, lazy)
    for number in frozen:
        network.parts[number].requires_grad_(False)
    return network


def all_frozen() -> nn.Module:
    network = Drawn(["linear"], lazy=False)
    network.requires_grad_(False)
    return network


class Spare(nn.Module):
    """A lazy layer that no sample reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.spare, self.last = nn.LazyLinear(3), nn.LazyLinear(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(x.flatten(1))
        return logits


def spare_lazy() -> nn.Module:
    return Spare()


class Noise(nn.Module):
    """Noise that eval mode has too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * torch.randn_like(x)


def noisy() -> nn.Module:
    network = nn.Sequential(nn.Flatten())
    network.add_module("noise", Noise())
    network.add_module("last", nn.Linear(64, 10))
    return network


def half_frozen() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10))
    network[1].weight.requires_grad_(False)
    return network
