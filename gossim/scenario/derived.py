"""What follows from an arm's settings: how large its messages and rows are, its windows, and how long it is."""

from __future__ import annotations

import math

from ..errors import InputError
from .arm import Arm

WINDOW_GRADIENTS = 128
"""Of each worker, by which the clock runs ahead of the arithmetic, unless this frees more than WINDOW_BYTES of rows."""

WINDOW_BYTES = 2**28

LARGEST_MESSAGE = 2**40
"""Bytes, as of `network.message_bytes`: tables count bytes in 64 bits."""

MANY_GRADIENTS, AT_LEAST = 2**20, 4
"""Of all workers together: more take memory and make no run faster. And of each, however many workers there are."""


def window_size(workers: int, row_bytes: int) -> tuple[int, int]:
    """Return the gradients in a window, of all workers together, and the rows that may be freed in one: see
    `Program.is_full`.
    """
    gradients = min(WINDOW_GRADIENTS * workers, max(MANY_GRADIENTS, AT_LEAST * workers))
    return gradients, max(1, WINDOW_BYTES // row_bytes)


def message_bytes(arm: Arm) -> int:
    """Return the size of one parameter vector on the network: as the scenario states, or of the model's parameters.

    Raises InputError where neither is known without building the model, or where it is larger than the scenario could
    say.
    """
    if arm.network is not None and arm.network.message_bytes is not None:
        return arm.network.message_bytes
    if arm.problem is None:
        return 0  # one worker alone: others need network.message_bytes
    size = parameter_bytes(arm)
    if size > LARGEST_MESSAGE:
        raise InputError(f"problem.model: its parameters take {size:,} bytes, and a message has at most 2**40")
    return size


def parameter_bytes(arm: Arm) -> int:
    """Return the size of one parameter vector in memory. Raises InputError if that requires building a model and
    fails.
    """
    assert arm.problem is not None
    arm.problem.require_samples()
    dim = arm.problem.parameters()
    if dim is None:
        dim = arm.problem.built_parameters()
    return dim * arm.number_bits // 8


def steps_limit(settings: Arm) -> int | None:
    """Return the gradient steps of all workers that end a run, or None if only time ends it."""
    limits = [settings.until.gradient_steps] if settings.until.gradient_steps else []
    problem = settings.problem
    if settings.until.epochs is not None and problem is not None and problem.data and problem.batch_size:
        # Batch sizes that differ are refused here.
        steps = settings.until.epochs * problem.data.train_samples / problem.batch_sizes(settings.workers)[0]
        limits.append(math.ceil(min(steps, 2.0**62)))
    return min(limits, default=None)
