"""Gradients of linear layers with ReLU between them, for many workers at once, by hand.

What automatic differentiation gives, without its bookkeeping, which for small networks costs more than the arithmetic.
With a_0 the inputs, z_l = W_l a_{l-1} + b_l, a_l = max(z_l, 0), and the mean cross-entropy over a batch of B columns:

    δ_L = (softmax(z_L) − onehot) / B,   δ_l = W_{l+1}' δ_{l+1} · [z_l > 0],   ∇W_l = δ_l a_{l-1}',   ∇b_l = Σ δ_l.

Source: Rumelhart, Hinton, Williams 1986 (doi:10.1038/323533a0); any textbook.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import nn

from .layers import is_changed


class Dense:
    """A network that consists of such layers only, of these `widths`, inputs first."""

    def __init__(self, widths: list[int]):
        self.widths = widths
        self.shapes = [(after, before) for before, after in itertools.pairwise(widths)]
        self.sizes = [size for after, before in self.shapes for size in (after * before, after)]
        self._minus_one: torch.Tensor | None = None

    @classmethod
    def of(cls, network: nn.Module) -> Dense | None:
        """Return `network` as a dense one if it is a sequence of Flatten, and of Linear with ReLU between."""
        if type(network) is not nn.Sequential or len(network) < 2 or type(network[0]) is not nn.Flatten:
            return None
        if network[0].start_dim != 1 or network[0].end_dim != -1:
            return None
        layers = list(network)[1:]
        linear = [layer for layer in layers[::2] if type(layer) is nn.Linear and layer.bias is not None]
        between = [layer for layer in layers[1::2] if type(layer) is nn.ReLU]
        if len(linear) != len(between) + 1 or len(linear) + len(between) != len(layers):
            return None
        # Its parameters, each once and learned, and nothing hung onto it: pruning, weight norms and hooks change what
        # it computes.
        own = [f"{place}.{name}" for place in range(1, len(network), 2) for name in ("weight", "bias")]
        if [name for name, parameter in network.named_parameters() if parameter.requires_grad] != own or any(
            map(is_changed, network.modules())
        ):
            return None
        return cls([linear[0].in_features, *(layer.out_features for layer in linear)])

    def gradients(self, x: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return ∇L at each row of `x`, `(batch, dim)`, on its own `inputs`, `(batch, B, ...)`, and `labels`, `(batch,
        B)`.
        """
        found = [slope.flatten(1) for _, slope in self._slopes(x, inputs, labels)]
        return torch.cat(found[::-1], dim=1)

    def descend(self, x: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor, keep: float, rate: float) -> None:
        """Update x ← keep · x − rate · ∇L in place, layer by layer while its gradient is in the cache."""
        for part, slope in self._slopes(x, inputs, labels):
            if keep != 1.0:
                part.mul_(keep)
            part.add_(slope, alpha=-rate)

    def _slopes(
        self, x: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield views of `x`, from the last bias to the first matrix, with the gradients there. Each view may be
        changed.
        """
        parts = x.split_with_sizes(self.sizes, dim=1)
        weights = [part.view(len(x), *shape) for part, shape in zip(parts[::2], self.shapes, strict=True)]
        # (batch, width, B): a softmax over ten classes is ten times faster across columns than along rows.
        outputs = [inputs.flatten(2).transpose(1, 2)]
        for weight, bias in zip(weights, parts[1::2], strict=True):
            z = torch.baddbmm(bias.unsqueeze(2), weight, outputs[-1])
            outputs.append(z if len(outputs) == len(weights) else z.relu_())
        slope = torch.softmax(outputs.pop(), dim=1)
        slope.scatter_add_(1, labels.unsqueeze(1), self._minus(slope).expand(len(x), 1, labels.shape[1]))
        slope.div_(labels.shape[1])
        for weight, bias, output in zip(weights[::-1], parts[::-2], outputs[::-1], strict=True):
            here = slope
            if output is not outputs[0]:
                slope = torch.bmm(weight.transpose(1, 2), here).mul_(output.sign())  # faster than by `output > 0`
            yield bias, here.sum(dim=2)
            yield weight, torch.bmm(here, output.transpose(1, 2))

    def _minus(self, like: torch.Tensor) -> torch.Tensor:
        """Return a stored −1: for few workers a step costs no more than fifty such small operations."""
        if self._minus_one is None or self._minus_one.dtype != like.dtype or self._minus_one.device != like.device:
            self._minus_one = like.new_tensor(-1.0)
        return self._minus_one
