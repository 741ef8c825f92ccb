"""Losses: what a network's outputs for a minibatch are worth, and how much each sample adds."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch.nn.functional import cross_entropy, mse_loss


class Loss(ABC):
    """Of outputs and targets of B samples. The mean over samples is what is minimised."""

    @abstractmethod
    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean over samples, a number, as torch's own loop computes it."""

    def mean_for_vmap(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the same in operations that `vmap` has rules for."""
        return self.mean(outputs, targets)

    @abstractmethod
    def of_samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each sample, `(B,)`, whose mean is `mean`."""


class CrossEntropy(Loss):
    """−log softmax(outputs)[target], in nats; of a sequence the mean over its positions.

    Outputs are logits `(B, classes)` with labels `(B,)`, or `(B, length, classes)` with labels `(B, length)`.
    """

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(outputs.flatten(0, -2), targets.flatten())

    def mean_for_vmap(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Not by torch's own, which `vmap` takes apart: that costs more."""
        return (torch.logsumexp(outputs, dim=-1) - outputs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)).mean()

    def of_samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        losses = cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
        return losses if targets.dim() == 1 else losses.view_as(targets).mean(dim=1)


class SquaredError(Loss):
    """The mean of (output − target)² over the outputs of a sample; outputs and targets are `(B, outputs)`."""

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return mse_loss(outputs, targets)

    def mean_for_vmap(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).square().mean()

    def of_samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).square().mean(dim=1)


LOSSES: dict[str, type[Loss]] = {"cross_entropy": CrossEntropy, "mse": SquaredError}
"""Every built-in loss by the name that scenarios use."""
