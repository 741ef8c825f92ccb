"""Gradients that are pure noise, and how far apart workers are under them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from gossim import Algorithm
from gossim.execute.batched import Batched
from gossim.execute.reference import Reference
from gossim.program import INITIAL_ROW, Combine
from gossim.schema.fields import Probability
from gossim.testing import trajectory
from support.scenarios import only_arm

EXPONENTIAL = {"time_s": {"distribution": "expon", "scale": 1.0}}


FREE = {"latency_s": 0.0, "bandwidth_bytes_per_s": None}


DIM = 16


class Averaging(Algorithm):
    """After a step, with that probability, both take (x_i + x_j)/2 at that instant."""

    chance: Probability

    def worker(self, w: Any) -> Any:
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            if w.rng.random() < self.chance:
                other = w.peers.workers[w.random_peer()]
                mean = w.draft(w.row)
                w.combine(mean, (0.5, w.row), (0.5, other.row))
                w.combine(w.row, (1.0, mean))
                other.combine(other.row, (1.0, mean))
                w.drop(mean)


class Apart(Reference):
    """Worker m begins at the m-th unit vector, not at x⁰."""

    begun = 0

    def run(self, ops: Any) -> None:
        for op in ops:
            super().run([op])
            if isinstance(op, Combine) and op.terms == ((1.0, INITIAL_ROW),):
                self.rows[op.out] = torch.eye(len(self.rows[INITIAL_ROW]), dtype=torch.float64)[self.begun]
                self.begun += 1


def noise_arm(algorithm: dict[str, Any], workers: int, dim: int = DIM, rate: float = 1.0, **more: Any) -> Any:
    sections: dict[str, Any] = {
        "compute": EXPONENTIAL,
        "network": FREE,
        "problem": {"model": {"name": "noise", "dim": dim}},
        "optimizer": {"learning_rate": rate},
        "probe": {"every_s": 1e6},
    }
    return only_arm(algorithm=algorithm, workers=workers, **(sections | more))


def apart(rows: torch.Tensor) -> float:
    """(1/M) Σ ‖x_m − x̄‖²."""
    return float((rows - rows.mean(0)).square().sum(1).mean())


def mean_and_error(values: Any) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))


def over_time(arm: Any, seeds: int, begin_s: float) -> tuple[float, float]:
    """E (1/M) Σ ‖x_m − x̄‖² per dimension, after `begin_s`; the standard error is over seeds."""
    found = []
    for seed in range(seeds):
        _, facts, rows = trajectory(arm, Batched, seed, window=4000)
        seen = [apart(at) for fact, at in zip(facts, rows, strict=True) if fact.time_s >= begin_s]
        found.append(np.mean(seen) / arm.problem.model.dim)
    return mean_and_error(found)
