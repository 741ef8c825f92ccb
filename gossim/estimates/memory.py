"""How much memory a run takes, and how much arithmetic its steps and probes are."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..algorithms._families import InRounds
from ..problems.data import task_of
from ..problems.settings import ProblemSettings
from ..scenario.arm import Arm
from ..scenario.derived import window_size
from ..units import readable_bytes
from .events import Events

BASE_BYTES, TORCH_BYTES = 15e7, 35e7
"""Of Python with what every run imports, and of torch."""

WORKER_BYTES, LEARNING_BYTES = 2800, 3500
"""Of a worker of the clock alone, and of the operations that one which learns has in a window (docs/performance.md)."""

LINK_BYTES, MESSAGE_BYTES = 400, 600
"""Of a link in a graph that is written down, each way, and of a message under way."""

ROW_BYTES, EXCHANGE_BYTES, RUN_BYTES = 250, 700, 5000
"""Of a worker's row at a probe in the tables, of a pair that has exchanged messages, and of a run in the manifest."""

STORED_ROWS = 2**17
"""Of tables that are written in pieces, as many are in memory at a time, and those of a probe or two."""

MINIBATCHES = 64
"""Of each worker that are drawn at once (`problems.minibatches`)."""

FLOPS_PER_S, BYTES_PER_S, CONVOLUTION = 2e10, 5e9, 15
"""Of one core; and how often a convolution uses each of its parameters, as far as that is known without building it."""


class Memory(NamedTuple):
    """Bytes by use, each with the keys that decide it. `rows`: parameter vectors, if `dim` is known."""

    parts: dict[str, tuple[float, str]]

    @property
    def total(self) -> float:
        return sum(size for size, _ in self.parts.values())

    def drivers(self) -> str:
        """Return the largest contributions and the keys that decide them."""
        most = sorted(((size, what, keys) for what, (size, keys) in self.parts.items()), reverse=True)
        return ", ".join(
            f"{readable_bytes(size)} {what} ({keys})" for size, what, keys in most if size >= self.total / 10
        )


def dim_of(arm: Arm, learns: bool) -> int:
    """Return the length of a parameter vector; 0 without a vector, or if the model would have to be built."""
    return (arm.problem.parameters() or 0) if learns and arm.problem is not None else 0


def memory(arm: Arm, counted: Events, learns: bool, seeds: int, stored: bool = False) -> Memory:
    """Estimate the memory of one arm, including the tables of all its seeds, which are kept until the end. Of long
    tables that are `stored` only some rows are in memory.
    """
    workers, itemsize = arm.workers, 8 if arm.dtype == "float64" else 4
    row_bytes = dim_of(arm, learns) * itemsize
    probe_rows = min(counted.probe_rows, STORED_ROWS + 2 * workers) if stored else counted.probe_rows
    per_seed = probe_rows * ROW_BYTES + min(counted.messages, _pairs(arm)) * EXCHANGE_BYTES + RUN_BYTES
    parts = {
        "for Python and its packages": (BASE_BYTES + (TORCH_BYTES if learns else 0), "the scenario"),
        "for workers": (workers * (WORKER_BYTES + (LEARNING_BYTES if learns else 0)), "workers"),
        "for links": (_links_written(arm) * LINK_BYTES, "topology, workers"),
        "for messages under way": (
            _under_way(arm, counted) * (MESSAGE_BYTES + row_bytes),
            "network, workers, compute.time_s",
        ),
        "for tables": (seeds * per_seed, "probe.every_s, workers, until, repeats"),
    }
    if learns:
        parts["for parameters"] = (_rows(arm, counted, row_bytes) * row_bytes, "workers, problem.model")
        parts["for what a probe measures"] = (workers * row_bytes / itemsize * 16, "workers, problem.model")
        parts["for data and minibatches"] = (_samples_bytes(arm, itemsize), "workers, problem.batch_size")
    return Memory(parts)


def arithmetic_s(arm: Arm, counted: Events, learns: bool) -> float:
    """Estimate the seconds of one core for gradients, combinations and probes."""
    dim, problem = dim_of(arm, learns), arm.problem
    if not dim or problem is None:
        return 0.0
    row_s, each, evaluated = dim * (8 if arm.dtype == "float64" else 4) / BYTES_PER_S, 10.0 * dim, 0.0
    if problem.data is not None:
        often = 1 if problem.model.name in ("mlp", "logistic") else CONVOLUTION
        each = 6.0 * dim * max(problem.batch_sizes(1)) * often
        evaluated = 2.0 * dim * _evaluated(problem) * often
        if task_of(problem.data) == "tokens":  # each parameter is used at each position
            each, evaluated = (cost * problem.data.shape[0] for cost in (each, evaluated))
    probes = counted.probe_rows / arm.workers
    moved_s = row_s * (3 * counted.messages + 6 * counted.probe_rows + 4 * counted.steps)
    return (counted.steps * each + probes * evaluated) / FLOPS_PER_S + moved_s


def _pairs(arm: Arm) -> float:
    return arm.workers * min(arm.topology.links_each(arm.workers) if arm.workers > 1 else 0, arm.workers)


def _links_written(arm: Arm) -> float:
    """Return the number of links in the run's graph. A complete graph is stored only if its weights are needed."""
    if arm.workers == 1:
        return 0.0
    if isinstance(arm.algorithm, InRounds):
        return arm.workers * min(arm.algorithm.peers_each(arm), arm.workers)
    return 0.0 if arm.topology.name == "complete" else _pairs(arm)


def _under_way(arm: Arm, counted: Events) -> float:
    """Estimate the messages in flight at one time: by Little's law, and at most all that are sent."""
    latency_s = arm.network.latency_s if arm.network and isinstance(arm.network.latency_s, float) else 0.0
    each_s = counted.messages / counted.time_s if 0 < counted.time_s < math.inf else 0.0
    return min(counted.messages, each_s * latency_s)


def _rows(arm: Arm, counted: Events, row_bytes: int) -> float:
    """Estimate the parameter vectors in memory at one time: each worker's own, a gradient, the optimizer's, those of
    the algorithm, a copy for a probe and a place to compute, and those that a window frees.
    """
    optimizer: Any = arm.optimizer
    state = 2 if optimizer.name != "sgd" else int(optimizer.momentum > 0)
    gradients, freed = window_size(arm.workers, max(1, row_bytes))
    share = min(1.0, gradients / max(1.0, counted.steps))
    in_window = min(2 * freed, share * (counted.messages + counted.probe_rows))
    fragments = getattr(arm.algorithm, "fragments", 1)  # each with an anchor and an outer velocity of full length
    kept = 2 * fragments if fragments > 1 else 0
    return (arm.workers + arm.algorithm.servers) * (5 + state + kept) + in_window


def _samples_bytes(arm: Arm, itemsize: int) -> float:
    problem = arm.problem
    if problem is None or problem.data is None or problem.batch_size is None:
        return 0.0
    batch = max(problem.batch_sizes(1))
    sample = math.prod(problem.data.shape) * itemsize
    # Those of a few gradients at a time are at hand as they are computed on.
    at_hand = min(arm.workers, 8) * batch * 3 * sample
    drawn = arm.workers * MINIBATCHES * batch * 8.0
    if problem.sampling == "shuffled":  # the order of two epochs
        each = arm.workers if problem.data.partition.name == "iid" else 1
        drawn = 8.0 * each * problem.data.train_samples
    return drawn + at_hand + (0.0 if problem.data.in_files else 3.0 * problem.data.train_samples * sample)


def _evaluated(problem: ProblemSettings) -> float:
    """Return the number of samples that a probe measures; a fifth of them are the test part unless stated."""
    assert problem.data is not None
    train = problem.evaluate.train_samples or problem.data.train_samples
    return train + (problem.evaluate.test_samples or 0.25 * problem.data.train_samples)
