"""The convolutional network: the simulator against the fastest bare loop that we know of.

The loop has M single models, one after the other: torch's own modules in `channels_last`, which keeps filters and
images channel by channel for each pixel, torch's own backward pass, dropout and fused SGD, minibatches cut from one
tensor. Nearly all of its time is spent in the convolutions, at the speed of a matrix product of the same size.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.clock import RATE
from gossim.scenario.arm import Arm


def single_models(problem: Any, arm: Arm) -> int:
    """M models, each with its own parameters and optimizer. Returns gradient steps."""
    samples, batch_size = problem.samples, arm.problem.batch_size if arm.problem else None
    assert batch_size
    index = np.random.default_rng(0)
    models = [_model(arm, samples.shape) for _ in range(arm.workers)]
    rounds = (arm.until.gradient_steps or 0) // arm.workers
    for _ in range(rounds):
        for model, optimizer in models:
            chosen = torch.from_numpy(index.integers(len(samples.train_x), size=batch_size))
            inputs = samples.train_x[chosen].to(memory_format=torch.channels_last)
            optimizer.zero_grad()
            cross_entropy(model(inputs), samples.train_y[chosen]).backward()
            optimizer.step()
    return rounds * arm.workers


def _model(arm: Arm, shape: tuple[int, ...]) -> tuple[nn.Module, torch.optim.Optimizer]:
    assert arm.problem is not None
    network = arm.problem.model.network(shape, 10)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, torch.optim.SGD(network.parameters(), lr=RATE, fused=True)


class Comparison(NamedTuple):
    """Medians over interleaved repetitions; rates in gradient steps a second."""

    ours: float
    theirs: float
    ratio: float
    """Ours over theirs, with all probes."""
    ratio_without_probes: float
    """The same, the time that the probes' losses took left out."""
    probes: float
    """The share of our time that is the probes' losses."""


def compared(ours: Callable[[], int], problem: Any, arm: Arm, repetitions: int) -> Comparison:
    """`ours`, a run of the simulator with `problem`, beside the bare loop."""
    seen = []
    for _ in range(repetitions):
        with timed_losses(problem) as in_losses:
            took, steps = _timed(ours)
        bare, bare_steps = _timed(lambda: single_models(problem, arm))
        mine, theirs = steps / took, bare_steps / bare
        probes = sum(in_losses) / took
        seen.append(Comparison(mine, theirs, mine / theirs, mine / (1 - probes) / theirs, probes))
    return Comparison(*map(statistics.median, zip(*seen, strict=True)))


@contextmanager
def timed_losses(problem: Any) -> Iterator[list[float]]:
    """Inside the block, how long each evaluation of `problem` took, in seconds."""
    plain, spent = problem.losses, []

    def losses(x: torch.Tensor) -> Any:
        began = time.perf_counter()
        try:
            return plain(x)
        finally:
            spent.append(time.perf_counter() - began)

    problem.losses = losses
    try:
        yield spent
    finally:
        del problem.losses


def two_threads_over_one(work: Callable[[], int], repetitions: int) -> float:
    """Median of how many times faster `work` is with two threads. Leaves torch with one."""
    ratios = []
    for _ in range(repetitions):
        took = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            took.append(_timed(work)[0])
        ratios.append(took[0] / took[1])
    torch.set_num_threads(1)
    return statistics.median(ratios)


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done
