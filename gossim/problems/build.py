"""From a description to a problem with gradients."""

from __future__ import annotations

import platform
from collections.abc import Iterable

import torch

from ..errors import InputError, nearest, told
from .data import loaded
from .models import Noise, Quadratic
from .problem import NoiseProblem, Problem, QuadraticProblem
from .settings import ProblemSettings
from .supervised import SupervisedProblem
from .views import Samples

DTYPES = {"float32": torch.float32, "float64": torch.float64, "tf32": torch.float32}
"""What numbers are kept in; `execute.runtime` sets how products are rounded."""


def device_named(name: str) -> torch.device:
    """`auto` is the GPU where there is one. Raises InputError for a GPU that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device = cuda: torch finds no CUDA device here; use cpu or auto")
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device = {name!r}: unknown device{nearest(name, ('auto', 'cpu', 'cuda'))}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """What the machine calls it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


def check_partitions(settings: ProblemSettings, workers: int, seeds: Iterable[int]) -> None:
    """Raise InputError if the data cannot be shared out among the workers with one of the seeds."""
    if settings.data is not None:
        labels = loaded(settings.data).train_y
        for seed in seeds:
            settings.data.partition.assign(labels, workers, seed)


def check_gradients(problem: Problem) -> None:
    """Raise InputError unless gradients can be taken, one at a time and many at once, with one and the same outcome.

    A network that draws random numbers of its own, keeps state, or looks at its data to decide what to compute fails
    here, and not in the middle of a run, or never.
    """
    x, drawn = problem.initial(), torch.random.get_rng_state()
    try:
        alone = torch.stack([problem.gradient(x, 0, step) for step in (0, 1)])
        together = problem.gradients(torch.stack([x, x]), [0, 0], [0, 1])
        again = problem.gradient(x, 0, 0)
    except Exception as error:  # a user's network may do anything
        raise InputError(f"problem: no gradient can be taken: {told(error)}") from None
    close = torch.allclose(alone, together, rtol=1e-3, atol=1e-5 * float(alone.abs().max()), equal_nan=True)
    untouched = torch.equal(torch.random.get_rng_state(), drawn)
    if not (close and untouched and torch.equal(again, alone[0])):
        raise InputError(
            "problem.model: its gradient changes from call to call; it must follow from parameters and samples alone "
            "(dropout: as an nn.Dropout layer, whose mask gossim draws)"
        )


def build(settings: ProblemSettings, workers: int, seed: int, dtype: str, device: torch.device) -> Problem:
    """The problem for that many workers with that seed. Raises InputError where model and data do not fit."""
    spec, kind = settings.model, DTYPES[dtype]
    if isinstance(spec, Noise):
        return NoiseProblem(spec, workers, seed, kind, device)
    if isinstance(spec, Quadratic):
        return QuadraticProblem(spec, settings.batch_size or 1, workers, seed, kind, device)
    assert settings.data is not None
    assert settings.batch_size is not None
    data = loaded(settings.data)
    samples = Samples(data, settings.data.crop, kind, device)
    assigned = settings.data.partition.assign(data.train_y, workers, seed)
    return SupervisedProblem(spec, samples, data.classes, assigned, settings.batch_size, seed)
