"""BatchNorm without running statistics, which would depend on the order of evaluations and not on the parameters alone.

Training normalises by the statistics of its minibatch, as torch does. To evaluate some parameters, the statistics are
computed anew at them, as `torch.optim.swa_utils.update_bn` does for averaged parameters, on a fixed part of the
training set: at most SAMPLES samples, evenly spaced, in batches of at most BATCH.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.functional import batch_norm

from ..errors import InputError
from .views import evenly_spaced

SAMPLES, BATCH = 1000, 100

KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Statistics = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Mean and variance, each `(channels,)`, for every layer in the order of the network."""


class StatelessNorm(nn.Module):
    """A layer that shares the parameters of `layer` and is given its statistics."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, layer: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        super().__init__()
        self.kind, self.eps, self.channels = type(layer), layer.eps, layer.num_features
        self.register_parameter("weight", layer.weight)
        self.register_parameter("bias", layer.bias)
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] | None = None
        self.fixed: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kind._check_input_dim(self, x)  # type: ignore[arg-type]
        if not self.training:
            if self.fixed is None:
                raise RuntimeError(f"{self.kind.__name__} is in eval mode while the network is trained")
            return batch_norm(x, *self.fixed, self.weight, self.bias, False, 0.0, self.eps)
        if self.seen is None:
            return batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        # With momentum 1 the running statistics become those of this batch, the variance without bias.
        mean, variance = x.new_zeros(self.channels), x.new_ones(self.channels)
        out = batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, self.eps)
        self.seen.append((mean, variance))
        return out


class Norms:
    """The layers of one network that normalise by batches."""

    def __init__(self, layers: list[StatelessNorm]):
        self.layers = layers

    def fix(self, statistics: Statistics) -> None:
        """Evaluate with these."""
        for layer, fixed in zip(self.layers, statistics, strict=True):
            layer.fixed = fixed

    def initial(self, like: torch.Tensor) -> Statistics:
        """Return the statistics that torch's layers have before they have seen any data."""
        return [(like.new_zeros(layer.channels), like.new_ones(layer.channels)) for layer in self.layers]

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Let layers keep the statistics of each call inside the block, for `means`."""
        for layer in self.layers:
            layer.seen = []
        try:
            yield
        finally:
            for layer in self.layers:
                layer.seen = None

    def means(self, like: torch.Tensor) -> Statistics:
        """Return the mean over all calls of each layer; a layer that no forward pass uses keeps its initial
        statistics.
        """
        found = list(self.initial(like))
        for place, layer in enumerate(self.layers):
            if layer.seen:
                means, variances = zip(*layer.seen, strict=True)
                found[place] = torch.stack(means).mean(dim=0), torch.stack(variances).mean(dim=0)
        return found


def replace_norms(network: nn.Module) -> Norms | None:
    """Replace every BatchNorm of torch's own in `network`, wherever it is registered; None if it has none."""
    replaced: dict[nn.Module, StatelessNorm] = {}
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if type(module) in KINDS:
            put(network, name, replaced.setdefault(module, StatelessNorm(module)))
    return Norms(list(replaced.values())) if replaced else None


def put(network: nn.Module, name: str, layer: nn.Module) -> None:
    """Put `layer`, in the same mode, in the place of that `name`. Raises InputError if the layer is all there is."""
    if not name:
        kind = type(network).__name__
        raise InputError(f"problem.model: is nothing but one {kind}, with no layer that learns from samples")
    parent, _, attribute = name.rpartition(".")
    layer.training = network.get_submodule(name).training
    setattr(network.get_submodule(parent), attribute, layer)


def statistics_batches(samples: int) -> list[np.ndarray]:
    """Return indices into the training set, batch by batch. Each batch is spread over the whole set, which may be
    sorted.
    """
    chosen = evenly_spaced(samples, min(samples, SAMPLES))
    count = -(-len(chosen) // BATCH)
    return [chosen[first::count] for first in range(count)]
