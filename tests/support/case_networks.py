"""Networks of the kinds that simulators refuse though torch trains them. Each takes samples `(batch, 1, 8, 8)`."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Recurrent(nn.Module):
    def __init__(self, kind: str):
        super().__init__()
        self.rnn = getattr(nn, kind)(8, 16, batch_first=True)
        self.out = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.rnn(x[:, 0])[0][:, -1])
        return logits


class Transformer(nn.Module):
    def __init__(self, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(17, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=dropout, batch_first=True)
        self.out = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.layer(self.embedding((x * 16).round().long().flatten(1))).mean(1))
        return logits


class Embedded(nn.Module):
    def __init__(self, padding_idx: int):
        super().__init__()
        self.embedding = nn.Embedding(17, 8, padding_idx=padding_idx)
        self.out = nn.Linear(8 * 64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.embedding((x * 16).round().long().flatten(1)).flatten(1))
        return logits


class Checkpointed(nn.Module):
    def __init__(self, dropout: float):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Dropout(dropout))
        self.out = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(checkpoint(self.inner, x.flatten(1), use_reentrant=False))
        return logits


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.out = nn.Linear(64, 16), nn.ReLU(inplace=True), nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        x -= 0.5  # of the samples that it is given
        x = self.act(self.first(x).mul_(2.0))
        logits: torch.Tensor = self.out(x).clamp_(-9, 9)
        return logits


def rnn(kind: str = "LSTM") -> nn.Module:
    return Recurrent(kind)


def trans(dropout: float = 0.1) -> nn.Module:
    return Transformer(dropout)


def padded() -> nn.Module:
    return Embedded(padding_idx=0)


def checkpointed(dropout: float = 0.0) -> nn.Module:
    return Checkpointed(dropout)


def in_place() -> nn.Module:
    return InPlace()


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(10))


def frozen() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    network[1].weight.requires_grad_(False)
    return network


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
