"""Networks of linear layers with ReLU between, by hand: all workers in step, a tensor for each layer, no simulator.

Two layouts: samples along rows, as one would write it down, and along columns, where torch takes a softmax over ten
classes about ten times faster.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from benchmarks.clock import RATE
from gossim.scenario.arm import Arm


def along_rows(problem: Any, arm: Arm) -> int:
    """Activations `(workers, batch, width)`. Returns gradient steps."""
    rounds, batch_size = _rounds(arm), _batch_size(arm)
    weights, biases = _parameters(problem, arm.workers)
    minus = torch.full((arm.workers, batch_size, 1), -1.0)
    for x, labels in _batches(problem, arm):
        outputs = [x]
        for weight, bias in zip(weights, biases, strict=True):
            z = torch.baddbmm(bias.unsqueeze(1), outputs[-1], weight.transpose(1, 2))
            outputs.append(z if weight is weights[-1] else z.relu_())
        error = torch.softmax(outputs.pop(), dim=2).scatter_add_(2, labels.unsqueeze(2), minus)
        for weight, bias, output in zip(weights[::-1], biases[::-1], outputs[::-1], strict=True):
            below = torch.bmm(error, weight).mul_(output.sign()) if output is not x else error
            weight.baddbmm_(error.transpose(1, 2), output, alpha=-RATE / batch_size)
            bias -= RATE / batch_size * error.sum(dim=1)
            error = below
    return rounds * arm.workers


def along_columns(problem: Any, arm: Arm) -> int:
    """Activations `(workers, width, batch)`. Returns gradient steps."""
    rounds, batch_size = _rounds(arm), _batch_size(arm)
    weights, biases = _parameters(problem, arm.workers)
    minus = torch.full((arm.workers, 1, batch_size), -1.0)
    for x, labels in _batches(problem, arm):
        outputs = [x.transpose(1, 2)]
        for weight, bias in zip(weights, biases, strict=True):
            z = torch.baddbmm(bias.unsqueeze(2), weight, outputs[-1])
            outputs.append(z if weight is weights[-1] else z.relu_())
        error = torch.softmax(outputs.pop(), dim=1).scatter_add_(1, labels.unsqueeze(1), minus)
        for weight, bias, output in zip(weights[::-1], biases[::-1], outputs[::-1], strict=True):
            below = torch.bmm(weight.transpose(1, 2), error).mul_(output.sign()) if output is not outputs[0] else error
            weight.baddbmm_(error, output.transpose(1, 2), alpha=-RATE / batch_size)
            bias -= RATE / batch_size * error.sum(dim=2)
            error = below
    return rounds * arm.workers


def _rounds(arm: Arm) -> int:
    return (arm.until.gradient_steps or 0) // arm.workers


def _batch_size(arm: Arm) -> int:
    size = arm.problem.batch_size if arm.problem else None
    assert size
    return size


def _parameters(problem: Any, workers: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Matrices `(workers, out, in)` and biases `(workers, out)`, as the simulator begins with them."""
    weights, biases = [], []
    parts = iter(problem.initial().split(problem.sizes))
    for before, after in itertools.pairwise(problem.dense.widths):
        weights.append(next(parts).view(after, before).repeat(workers, 1, 1))
        biases.append(next(parts).repeat(workers, 1))
    return weights, biases


def _batches(problem: Any, arm: Arm) -> Any:
    """For each round inputs `(workers, batch, features)` and labels, drawn from one tensor."""
    inputs, labels = problem.samples.train_x.flatten(1), problem.samples.train_y
    index = np.random.default_rng(0)
    for _ in range(_rounds(arm)):
        chosen = torch.from_numpy(index.integers(len(inputs), size=(arm.workers, _batch_size(arm))))
        yield inputs[chosen], labels[chosen]
