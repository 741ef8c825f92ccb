"""Losses: what a network's outputs for a minibatch are worth, and how much each sample adds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch.nn.functional import cross_entropy, mse_loss

from ..errors import InputError, told
from .imported import imported


class Loss(ABC):
    """A loss of the outputs and targets of B samples. Its mean over the samples is minimised.

    `known`: whether it has been seen to do what torch's own loop does, so that no run need check it.
    """

    known: ClassVar[bool] = True

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
        """Compute the mean without torch's own function, whose decomposition by `vmap` costs more."""
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


class OwnLoss(Loss):
    """A user's function `f(outputs, targets) -> per-sample losses`, `(B,)`."""

    known: ClassVar[bool] = False

    def __init__(self, name: str, function: Callable[[torch.Tensor, torch.Tensor], Any]):
        self.name, self.function = name, function

    def mean(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.function(outputs, targets)
        return found.mean()

    def of_samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # Copies: metrics need the outputs too, targets are those of all evaluations, and it may write into both.
        found: torch.Tensor = self.function(outputs.clone(), targets.clone())
        return found

    def check(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Raise InputError unless it gives a number for each sample, which does not depend on the others."""
        place = f"problem.loss = {self.name!r}"
        try:
            found = self.function(outputs.clone(), targets.clone())
            alone = [self.function(outputs[n : n + 1].clone(), targets[n : n + 1].clone()) for n in range(len(outputs))]
        except (Exception, SystemExit) as error:  # a user's function may do anything
            raise InputError(f"{place}: cannot be computed: {told(error)}") from None
        for some, count in ((found, len(outputs)), *((one, 1) for one in alone)):
            if not isinstance(some, torch.Tensor) or some.shape != (count,) or not some.is_floating_point():
                what = type(some).__name__
                if isinstance(some, torch.Tensor):
                    what = f"{some.dtype} of shape {tuple(some.shape)}"
                raise InputError(f"{place}: gives {what} for {count} samples, not a loss for each, of shape ({count},)")
        if not torch.allclose(found, torch.cat(alone), rtol=1e-3, atol=1e-5, equal_nan=True):
            raise InputError(f"{place}: the loss of a sample depends on the other samples of its minibatch")


LOSSES: dict[str, type[Loss]] = {"cross_entropy": CrossEntropy, "mse": SquaredError}
"""Every built-in loss by the name that scenarios use."""


def loss_named(name: str) -> Loss:
    """Return the loss of that name. Raises InputError where a function cannot be imported, or may not be."""
    if name in LOSSES:
        return LOSSES[name]()
    function = imported("problem.loss", name)
    if not callable(function):
        raise InputError(f"problem.loss = {name!r}: is a {type(function).__name__}, not a function")
    return OwnLoss(name, function)
