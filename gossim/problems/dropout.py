"""Dropout whose mask is a function of (seed, worker, step), not of a generator's state."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .keyed import mix, uniforms


class MaskKey:
    """Where the dropout layers of one network find the key of the gradient in progress."""

    key: torch.Tensor | None = None


class KeyedDropout(nn.Module):
    """`nn.Dropout` with the mask drawn from `MaskKey`'s key and the layer's own number; shape `(batch, ...)`."""

    def __init__(self, probability: float, layer: int, source: MaskKey):
        super().__init__()
        self.probability, self.layer, self.source = probability, layer, source

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        assert self.source.key is not None
        kept = uniforms(mix(self.source.key + self.layer), x.numel()).reshape(x.shape) >= self.probability
        return torch.where(kept, x / (1 - self.probability), torch.zeros_like(x))


_OTHER_DROPOUT = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def make_reproducible(network: nn.Module) -> MaskKey | None:
    """Replace every `nn.Dropout` in `network`; None if it has none. A network whose layers keep state is refused.

    Raises InputError for layers that draw from torch's global generator, or change as they are used.
    """
    source = MaskKey()
    found = 0
    for name, module in list(network.named_modules()):
        if isinstance(module, _OTHER_DROPOUT) or (isinstance(module, nn.RNNBase) and module.dropout):
            raise InputError(f"problem.model: layer '{name}' is a {type(module).__name__}; use nn.Dropout instead")
        if getattr(module, "track_running_stats", False):
            raise InputError(
                f"problem.model: layer '{name}' is a {type(module).__name__} that keeps running statistics, which are "
                f"no parameters; use GroupNorm or track_running_stats=False"
            )
        if type(module) is nn.Dropout and module.p > 0:
            parent, _, attribute = name.rpartition(".")
            keyed = KeyedDropout(module.p, found, source)
            if not name:
                raise InputError("problem.model: a network of nothing but dropout has no parameters")
            setattr(network.get_submodule(parent), attribute, keyed)
            found += 1
    return source if found else None
