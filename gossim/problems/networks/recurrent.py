"""Recurrent networks."""

from __future__ import annotations

import torch
from torch import nn


class NextToken(nn.Module):
    """Tokens `(batch, length)` to logits of the next one at each position, `(batch, length, tokens)`."""

    def __init__(self, tokens: int, width: int, layers: int, dropout: float):
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=dropout)
        self.head = nn.Linear(width, tokens)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.is_floating_point():
            raise ValueError("an lstm learns sequences: tokens (length,), (length, features), or rows of images")
        logits: torch.Tensor = self.head(self.lstm(self.token(x))[0])
        return logits


class LastState(nn.Module):
    """Sequences `(batch, length, features)` to `(batch, outputs)`, from the state after the last position.

    An image, `(batch, channels, height, width)`, is the sequence of its rows.
    """

    def __init__(self, features: int, outputs: int, width: int, layers: int, dropout: float):
        super().__init__()
        self.lstm = nn.LSTM(features, width, layers, batch_first=True, dropout=dropout)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() == 4:
            x = x.transpose(1, 2).flatten(2)
        out: torch.Tensor = self.head(self.lstm(x)[0][:, -1])
        return out
