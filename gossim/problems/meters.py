"""What computes metrics, from the outputs for all evaluated samples, which come a chunk at a time."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ..errors import InputError, told
from .imported import imported
from .metrics import Metric


class Meter(ABC):
    """Measures one metric at one parameter vector."""

    @abstractmethod
    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Take the outputs for some samples, `(B, ...)`, and their targets."""

    @abstractmethod
    def value(self) -> float:
        """Return the metric over all samples that were added."""


class Accuracy(Meter):
    """The share of labels, over all positions of sequences, that have the largest logit."""

    def __init__(self) -> None:
        self.right, self.count = torch.zeros((), dtype=torch.float64), 0

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.right = self.right.to(outputs.device) + (outputs.argmax(dim=-1) == targets).sum()
        self.count += targets.numel()

    def value(self) -> float:
        return float(self.right) / self.count


class Perplexity(Meter):
    """exp of the mean cross-entropy, in nats, over samples and positions."""

    def __init__(self) -> None:
        self.nats, self.count = torch.zeros((), dtype=torch.float64), 0

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        lost = cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
        self.nats = self.nats.to(outputs.device) + lost.double().sum()
        self.count += targets.numel()

    def value(self) -> float:
        mean = float(self.nats) / self.count
        return math.exp(mean) if mean < 709 else math.inf


class _Squares(Meter):
    """Squared errors of each output, summed, and the targets."""

    def __init__(self) -> None:
        self.errors: list[torch.Tensor] = []
        self.targets: list[torch.Tensor] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.errors.append((outputs.double() - targets.double()).square().sum(dim=0))
        self.targets.append(targets.double())

    def sums(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return squared errors by output, `(outputs,)`, and all targets, `(n, outputs)`."""
        return torch.stack(self.errors).sum(dim=0), torch.cat(self.targets)


class RMSE(_Squares):
    """The root of the mean squared error over samples and outputs, in the target's unit."""

    def value(self) -> float:
        errors, targets = self.sums()
        return math.sqrt(float(errors.sum()) / targets.numel())


class R2(_Squares):
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)², the mean over outputs as of scikit-learn's `r2_score`; NaN where a target is the same
    in all samples."""

    def value(self) -> float:
        errors, targets = self.sums()
        spread = (targets - targets.mean(dim=0)).square().sum(dim=0)
        return float((1 - errors / spread).mean()) if bool((spread > 0).all()) else math.nan


class Own(Meter):
    """A user's function, which gets all samples at once."""

    def __init__(self, name: str, function: Callable[[torch.Tensor, torch.Tensor], Any]):
        self.name, self.function = name, function
        self.outputs: list[torch.Tensor] = []
        self.targets: list[torch.Tensor] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.outputs.append(outputs)
        self.targets.append(targets)

    def value(self) -> float:
        place = f"problem.metrics = {self.name}"
        try:
            found = self.function(torch.cat(self.outputs).clone(), torch.cat(self.targets).clone())
        except (Exception, SystemExit) as error:  # a user's function may do anything
            raise InputError(f"{place}: cannot be computed: {told(error)}") from None
        if isinstance(found, torch.Tensor | np.ndarray) and found.ndim == 0:
            found = found.item()
        if not isinstance(found, numbers.Real):
            shape = f" of shape {tuple(found.shape)}" if hasattr(found, "shape") else ""
            raise InputError(f"{place}: returned a {type(found).__name__}{shape}, not a number")
        try:
            return float(found)
        except OverflowError:
            raise InputError(f"{place}: returned a whole number that is too large") from None


METERS: dict[str, Callable[[], Meter]] = {
    "accuracy": Accuracy,
    "perplexity": Perplexity,
    "rmse": RMSE,
    "r2": R2,
}


def meter_of(metric: Metric) -> Callable[[], Meter]:
    """Return what makes a meter for each evaluation. Raises InputError where a function cannot be imported, or may not
    be."""
    if metric.name in METERS:
        return METERS[metric.name]
    function = imported("problem.metrics", metric.name)
    if not callable(function):
        raise InputError(f"problem.metrics = {metric.name!r}: is a {type(function).__name__}, not a function")
    return lambda: Own(metric.name, function)
