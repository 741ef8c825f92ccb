"""From a description to a problem with gradients."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import torch

from ..errors import InputError, nearest
from .check import check_gradients as check_gradients
from .data import assigned, loaded
from .models.noise import Noise
from .models.quadratic import Quadratic
from .problem import NoiseProblem, Problem, QuadraticProblem
from .settings import ProblemSettings
from .supervised import SupervisedProblem
from .views import Samples

DTYPES = {"float32": torch.float32, "float64": torch.float64, "tf32": torch.float32}
"""What numbers are kept in; `execute.runtime` sets how products are rounded."""


def device_named(name: str) -> torch.device:
    """Return the device; `auto` is the GPU if there is one. Raises InputError for a GPU that does not exist."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device = cuda: torch finds no CUDA device here; use cpu or auto")
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device = {name!r}: unknown device{nearest(name, ('auto', 'cpu', 'cuda'))}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Return the name that the machine gives the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


def check_partitions(settings: ProblemSettings, workers: int, seeds: Iterable[int]) -> None:
    """Raise InputError if the data cannot be shared out among the workers with one of the seeds."""
    if settings.data is not None:
        for seed in seeds:
            assigned(settings.data, workers, seed)


def build(settings: ProblemSettings, workers: int, seed: int, dtype: str, device: torch.device) -> Problem:
    """Build the problem for that many workers with that seed. Raises InputError if model and data do not fit."""
    spec, kind = settings.model, DTYPES[dtype]
    if isinstance(spec, Noise):
        return NoiseProblem(spec, workers, seed, kind, device)
    if isinstance(spec, Quadratic):
        return QuadraticProblem(spec, settings.batch_sizes(workers), workers, seed, kind, device)
    assert settings.data is not None
    settings.require_samples()
    data = loaded(settings.data)
    samples = Samples(data, settings.data.crop, kind, device)
    samples.measure_on(settings.evaluate.train_samples, settings.evaluate.test_samples)
    drawing = settings.batch_sizes(workers), settings.sampling
    learning = settings.loss_function(), settings.measured_metrics
    return SupervisedProblem(spec, samples, *learning, assigned(settings.data, workers, seed), drawing, seed)
