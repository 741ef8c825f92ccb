"""Dropout whose mask is a function of (seed, worker, step), not of a generator's state."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .keyed import mix, uniforms


class Masks:
    """Where the dropout layers of one network find the key of the gradient in progress, and count what they draw."""

    def __init__(self) -> None:
        self.key: torch.Tensor | None = None
        self.drawn = 0

    def begin(self, key: torch.Tensor) -> None:
        """A forward pass begins; its masks follow from `key` and their order in it."""
        self.key, self.drawn = key, 0

    def next_key(self) -> torch.Tensor:
        assert self.key is not None
        self.drawn += 1
        return mix(self.key + self.drawn)


class KeyedDropout(nn.Module):
    """`nn.Dropout` with masks from `Masks`; shape `(batch, ...)`. Used twice in a pass, it draws two masks."""

    def __init__(self, probability: float, masks: Masks):
        super().__init__()
        self.probability, self.masks = probability, masks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        kept = uniforms(self.masks.next_key(), x.numel()).reshape(x.shape) >= self.probability
        return torch.where(kept, x / (1 - self.probability), torch.zeros_like(x))


_OTHER_DROPOUT = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU)


def make_reproducible(network: nn.Module) -> Masks | None:
    """Replace every `nn.Dropout` in `network`, wherever it is registered; None if it has none.

    Raises InputError for layers that draw from torch's global generator, or change as they are used.
    """
    masks = Masks()
    replaced: dict[nn.Module, KeyedDropout] = {}
    for name, module in list(network.named_modules(remove_duplicate=False)):
        kind = type(module).__name__
        if isinstance(module, _OTHER_DROPOUT) or (isinstance(module, nn.RNNBase) and module.dropout):
            raise InputError(f"problem.model: layer '{name}', {kind}, draws random numbers; use nn.Dropout instead")
        if getattr(module, "track_running_stats", False):
            raise InputError(
                f"problem.model: layer '{name}', {kind}, keeps running statistics, which are no parameters; "
                f"use GroupNorm or track_running_stats=False"
            )
        if isinstance(module, nn.Dropout) and module.p > 0:
            if not name:
                raise InputError("problem.model: a network of nothing but dropout has no parameters")
            parent, _, attribute = name.rpartition(".")
            setattr(
                network.get_submodule(parent), attribute, replaced.setdefault(module, KeyedDropout(module.p, masks))
            )
    return masks if replaced else None
