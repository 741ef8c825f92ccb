"""What the numeric plane asks of a problem, and the two problems that are known in closed form."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch

from ..rng import Purpose
from .keyed import StepKeys, normals
from .models.noise import Noise
from .models.quadratic import Quadratic

Numbers = Sequence[int] | np.ndarray


class Losses(NamedTuple):
    """Losses and metrics at one parameter vector; None where the problem has no such thing.

    `others`: further metrics by their column, `test_<metric>`.
    """

    train_loss: float | None
    test_loss: float | None
    test_accuracy: float | None
    others: Mapping[str, float] = MappingProxyType({})

    def columns(self) -> dict[str, float | None]:
        """Return what each column of a probe holds."""
        own = {"train_loss": self.train_loss, "test_loss": self.test_loss, "test_accuracy": self.test_accuracy}
        return {**own, **self.others}

    @property
    def diverged(self) -> bool:
        """Whether a loss is not finite. A metric need not be: it may be undefined at some parameters."""
        return not all(loss is None or math.isfinite(loss) for loss in (self.train_loss, self.test_loss))


class Problem(ABC):
    """Parameters of shape `(dim,)`, and gradients that depend on nothing but (parameters, worker, step)."""

    dim: int
    dtype: torch.dtype
    device: torch.device
    large_operations: bool = False
    """Whether one operation is enough work for several cores."""
    piece_bytes: int = 2**25
    """Of rows that are moved at once on a CPU: more memory than this is fetched anew from the system each time."""

    @property
    def layers(self) -> dict[str, int]:
        """The named parts that a parameter vector consists of, in order, and how many numbers each has."""
        return {"x": self.dim}

    @abstractmethod
    def initial(self) -> torch.Tensor:
        """Return x⁰, `(dim,)`, which is the same for all workers."""

    @abstractmethod
    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        """Return ∇L at `x` on `worker`'s `step`-th minibatch, `(dim,)`, computed one at a time and as plainly as
        possible.
        """

    @abstractmethod
    def gradients(self, x: torch.Tensor, workers: Numbers, steps: Numbers) -> torch.Tensor:
        """Return the gradients at all rows of `x`, `(batch, dim)`, computed together: `(batch, dim)`."""

    def descend(self, x: torch.Tensor, workers: Numbers, steps: Numbers, keep: float, rate: float) -> None:
        """Update x ← keep · x − rate · ∇L at each row of `x`, `(batch, dim)`, in place."""
        gradients = self.gradients(x, workers, steps)
        if keep != 1.0:
            x.mul_(keep)
        x.add_(gradients, alpha=-rate)

    @abstractmethod
    def losses(self, x: torch.Tensor) -> Losses:
        """Return the losses and metrics of `x`."""


class NoiseProblem(Problem):
    """∇L = z, standard normal, anew for each (worker, step)."""

    def __init__(self, spec: Noise, workers: int, seed: int, dtype: torch.dtype, device: torch.device):
        self.dim, self.dtype, self.device = spec.dim, dtype, device
        self.keys = StepKeys(seed, Purpose.GRADIENT_NOISE, workers, device)

    def initial(self) -> torch.Tensor:
        return torch.zeros(self.dim, dtype=self.dtype, device=self.device)

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        return self.gradients(x.unsqueeze(0), [worker], [step])[0]

    def gradients(self, x: torch.Tensor, workers: Numbers, steps: Numbers) -> torch.Tensor:
        keys = self.keys(*(torch.tensor(numbers, device=self.device) for numbers in (workers, steps)))
        return normals(keys, self.dim, self.dtype)

    def losses(self, x: torch.Tensor) -> Losses:
        return Losses(None, None, None)


class QuadraticProblem(Problem):
    """½ (x − x⋆)ᵀ A (x − x⋆) with A diagonal; `Quadratic` says with which numbers."""

    def __init__(
        self,
        spec: Quadratic,
        batch_sizes: Sequence[int],
        workers: int,
        seed: int,
        dtype: torch.dtype,
        device: torch.device,
    ):
        self.dim, self.dtype, self.device = spec.dim, dtype, device
        self.curvatures = torch.logspace(0, 1, spec.dim, spec.condition_number, dtype=dtype, device=device)
        self.optimum = torch.ones(spec.dim, dtype=dtype, device=device)
        self.deviation = [spec.gradient_noise / size**0.5 for size in batch_sizes]
        self.alike = len(set(batch_sizes)) == 1
        self.keys = StepKeys(seed, Purpose.GRADIENT_NOISE, workers, device)

    def initial(self) -> torch.Tensor:
        return torch.zeros(self.dim, dtype=self.dtype, device=self.device)

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        return self.gradients(x.unsqueeze(0), [worker], [step])[0]

    def gradients(self, x: torch.Tensor, workers: Numbers, steps: Numbers) -> torch.Tensor:
        slope = self.curvatures * (x - self.optimum)
        if not self.deviation[0]:
            return slope
        keys = self.keys(*(torch.tensor(numbers, device=self.device) for numbers in (workers, steps)))
        if self.alike:
            return slope + self.deviation[0] * normals(keys, self.dim, self.dtype)
        own = torch.tensor([self.deviation[worker] for worker in workers], dtype=self.dtype, device=self.device)
        return slope + own.unsqueeze(1) * normals(keys, self.dim, self.dtype)

    def losses(self, x: torch.Tensor) -> Losses:
        distance = x - self.optimum
        loss = float((self.curvatures * distance * distance).sum() / 2)
        return Losses(loss, loss, None)
