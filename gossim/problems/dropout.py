"""Random draws of layers, which are a function of (seed, worker, step), not of a generator's state at that time.

The masks of `nn.Dropout` are hashed from a key, for many workers at once. All else that draws, such as dropout inside
attention or between recurrent layers, does so from torch's global generator, which then starts from a key for each
gradient: one gradient at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .generators import started
from .keyed import mix, uniforms
from .layers import refuse_unfit
from .norms import put


class Masks:
    """Tells the dropout layers of one network the key of the present gradient, and counts what they draw."""

    def __init__(self) -> None:
        self.key: torch.Tensor | None = None
        self.drawn = 0

    def begin(self, key: torch.Tensor) -> None:
        """Begin a forward pass, whose masks follow from `key` and their order in it."""
        self.key, self.drawn = key, 0

    def next_key(self) -> torch.Tensor:
        assert self.key is not None
        self.drawn += 1
        return mix(self.key + self.drawn)


class FromTorch:
    """Notes that a network's layers draw from torch's global generator, also that of this `device`."""

    def __init__(self, device: torch.device):
        self.device = device


Draws = Masks | FromTorch | None
"""How the layers of a network draw: None if none does."""


@contextmanager
def drawing(draws: Draws, key: torch.Tensor) -> Iterator[None]:
    """Make what a forward and its backward pass draw inside the block follow from `key`, a number."""
    if isinstance(draws, FromTorch):
        with started(int(key), draws.device):
            yield
        return
    if draws is not None:
        draws.begin(key)
    yield


class KeyedDropout(nn.Module):
    """`nn.Dropout` with masks from `Masks`; shape `(batch, ...)`. Used twice in a pass, it draws two masks."""

    def __init__(self, probability: float, masks: Masks, inplace: bool = False):
        super().__init__()
        self.p, self.masks, self.inplace = probability, masks, inplace

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        kept = uniforms(self.masks.next_key(), x.numel()).reshape(x.shape) >= self.p
        if self.inplace:
            return x.div_(1 - self.p if self.p < 1 else 1).mul_(kept)
        return torch.where(kept, x / (1 - self.p if self.p < 1 else 1), torch.zeros_like(x))


def make_reproducible(network: nn.Module) -> Masks | None:
    """Replace every `nn.Dropout` in `network`, wherever it is registered; None if it has none.

    Raises InputError for layers that change as they are used.
    """
    refuse_unfit(network)
    masks = Masks()
    replaced: dict[nn.Module, KeyedDropout] = {}
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if isinstance(module, nn.Dropout) and module.p > 0:
            put(network, name, replaced.setdefault(module, KeyedDropout(module.p, masks, module.inplace)))
    return masks if replaced else None
