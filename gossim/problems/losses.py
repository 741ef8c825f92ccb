"""Losses: cross-entropy where targets are labels, whole numbers, and the squared error where they are real vectors."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, mse_loss


def mean_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return torch's own `cross_entropy` or `mse_loss` of `outputs`, `(B, outputs)`, a number.

    Args:
        outputs: Logits, or what is to be near the targets.
        targets: Labels, `(B,)`, or real numbers, `(B, outputs)`.
    """
    return mse_loss(outputs, targets) if targets.is_floating_point() else cross_entropy(outputs, targets)


def mean_loss_for_vmap(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the same in operations that `vmap` has rules for; torch's own it takes apart, which costs more."""
    if targets.is_floating_point():
        return (outputs - targets).square().mean()
    return (torch.logsumexp(outputs, dim=1) - outputs.gather(1, targets.unsqueeze(1)).squeeze(1)).mean()


def losses_of_samples(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the loss of each sample, `(B,)`, the mean of which is `mean_loss`."""
    if targets.is_floating_point():
        return (outputs - targets).square().mean(dim=1)
    return cross_entropy(outputs, targets, reduction="none")
