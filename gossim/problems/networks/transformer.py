"""A decoder-only transformer."""

from __future__ import annotations

import math

import torch
from torch import nn

DEVIATION = 0.02
"""Of initial weights."""


class Attention(nn.Module):
    """Causal self-attention of several heads, in plain products: `vmap` takes torch's fused one apart."""

    mask: torch.Tensor

    def __init__(self, width: int, heads: int, context: int, dropout: float):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.register_buffer("mask", torch.full((context, context), -math.inf).triu(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map `(batch, length, width)` to `(batch, length, width)`."""
        length = x.shape[1]
        queries, keys, values = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = (queries * self.scale) @ keys.transpose(-1, -2) + self.mask[:length, :length]
        mixed = self.dropout(scores.softmax(dim=-1)) @ values
        out: torch.Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class TransformerBlock(nn.Module):
    """x ← x + attention(norm(x)); x ← x + mlp(norm(x)): layers are normalised before they are called (pre-norm)."""

    def __init__(self, width: int, heads: int, context: int, dropout: float):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, context, dropout)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.norm_1(x)))
        out: torch.Tensor = x + self.dropout(self.mlp(self.norm_2(x)))
        return out


class Transformer(nn.Module):
    """Tokens `(batch, length)` to logits of the next one `(batch, length, tokens)`; positions are learned."""

    def __init__(self, tokens: int, context: int, layers: int, width: int, heads: int, dropout: float, tied: bool):
        super().__init__()
        self.token, self.position = nn.Embedding(tokens, width), nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.blocks = nn.Sequential(*[TransformerBlock(width, heads, context, dropout) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)
        self._draw(layers)
        if tied:
            self.head.weight = self.token.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        embedded = self.token(x) + self.position.weight[: x.shape[1]]
        logits: torch.Tensor = self.head(self.norm(self.blocks(self.dropout(embedded))))
        return logits

    def _draw(self, layers: int) -> None:
        """Draw as GPT-2 does: the more layers add to the residual stream, the less each adds."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                into_stream = name.endswith(("attention.out.weight", "mlp.2.weight"))
                nn.init.normal_(parameter, std=DEVIATION / (math.sqrt(2 * layers) if into_stream else 1))
