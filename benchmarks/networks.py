"""Networks of torch's own modules: the simulator beside a loop over M modules. `python -m benchmarks.networks [NAME]`

Each module has its own parameters and its own fused SGD. A step is zero_grad, forward, backward, step, on a minibatch
cut from one tensor. Both sides are measured in processor time, one thread, and the simulator without the losses of its
probes, which the loop does not compute. Each row takes some seconds on an idle core.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.__main__ import prepared, simulate
from benchmarks.clock import RATE, arm_of
from gossim.problems.problem import Losses
from gossim.problems.supervised import initialised
from gossim.scenario.arm import Arm

SHORT, LONG = ({"data": {"name": "python_source", "context": context}, "batch_size": 20} for context in (16, 64))
MNIST = {"data": {"name": "mnist5k"}, "batch_size": 20}
WORK: dict[str, tuple[dict[str, Any], int, int]] = {
    "gpt 2 x 64, 16 tokens": ({"model": {"name": "gpt"}, **SHORT}, 64, 12),
    "gpt 2 x 64, 64 tokens": ({"model": {"name": "gpt"}, **LONG}, 64, 2),
    "lstm 64, 16 tokens": ({"model": {"name": "lstm"}, **SHORT}, 8, 30),
    "resnet 8, width 16, GroupNorm": ({"model": {"name": "resnet"}, **MNIST}, 8, 10),
    "resnet 8, width 16, BatchNorm": ({"model": {"name": "resnet", "norm": "batch"}, **MNIST}, 8, 10),
}
"""Problem, workers, gradient steps of each."""


def single_modules(problem: Any, arm: Arm) -> int:
    """M modules, each with its own parameters and optimizer. Returns gradient steps."""
    samples, index = problem.samples, np.random.default_rng(0)
    networks = [initialised(problem.spec, samples.shape, samples.classes, 0) for _ in range(arm.workers)]
    models = [(each, torch.optim.SGD(each.parameters(), lr=RATE, fused=True)) for each in networks]
    rounds = (arm.until.gradient_steps or 0) // arm.workers
    for _ in range(rounds):
        for network, optimizer in models:
            chosen = index.integers(len(samples.train_x), size=20)
            inputs, labels = samples.batch(chosen, np.zeros(20, np.int64))
            optimizer.zero_grad()
            problem.loss.mean(network(inputs), labels).backward()
            optimizer.step()
    return rounds * arm.workers


def ratio(settings: dict[str, Any], workers: int, steps: int, repetitions: int = 2) -> tuple[float, float, float]:
    """Median milliseconds of a step of ours and of theirs, and the median of theirs over ours."""
    arm = arm_of(settings, workers, {"gradient_steps": workers * steps})
    problem = prepared(arm)
    problem.losses = lambda x: Losses(0.0, 0.0, None, {})
    simulate(problem, arm_of(settings, workers, {"gradient_steps": workers}))  # what is imported once
    seen = [
        (_milliseconds(simulate, problem, arm), _milliseconds(single_modules, problem, arm)) for _ in range(repetitions)
    ]
    ours, theirs = (statistics.median(column) for column in zip(*seen, strict=True))
    return ours, theirs, statistics.median(bare / mine for mine, bare in seen)


def _milliseconds(work: Callable[[Any, Arm], int], problem: Any, arm: Arm) -> float:
    began = time.process_time()
    done = work(problem, arm)
    return (time.process_time() - began) / done * 1000


def main() -> None:
    torch.set_num_threads(1)
    for name, (settings, workers, steps) in WORK.items():
        if name.startswith(sys.argv[1] if len(sys.argv) > 1 else ""):
            ours, bare, times = ratio(settings, workers, steps)
            print(f"{name}, {workers} workers: {ours:.1f} ms a step, bare {bare:.1f} ms, ratio {times:.2f}")


if __name__ == "__main__":
    main()
