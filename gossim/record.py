"""From probed rows to tables: what the numeric plane measures, joined with what the timing plane knows."""

from __future__ import annotations

import math
from typing import Any

import torch

from .errors import RunError
from .problems.problem import Problem
from .sim.world import Facts


class Diverged(RunError):
    """The parameters or the losses are no longer finite numbers."""

    def __init__(self, time_s: float, gradient_steps: int):
        self.time_s = time_s
        self.gradient_steps = gradient_steps
        super().__init__(f"diverged: no longer finite at {time_s:g} s, after {gradient_steps} gradient steps")


class Recorder:
    """Collects the rows of `probes` and `workers` (see `results.COLUMNS`) for one arm and one seed."""

    def __init__(self, problem: Problem, arm: str, seed: int):
        self.problem = problem
        self.label = {"arm": arm, "seed": seed}
        self.probes: list[dict[str, Any]] = []
        self.workers: list[dict[str, Any]] = []

    def measure(self, rows: torch.Tensor, facts: Facts) -> None:
        """Record a probe of `rows`, `(workers, dim)`. Raises Diverged, and records nothing, if it is not finite."""
        # As offsets from the first: equal rows are then at a distance of exactly 0, whatever their number.
        offsets = rows.double() - rows[0].double()
        drift = offsets.mean(dim=0)
        mean = rows[0].double() + drift
        distances = torch.linalg.vector_norm(offsets - drift, dim=1).tolist()
        losses = self.problem.losses(mean.to(rows.dtype))
        numbers = [*distances, *(value for value in losses if value is not None)]
        if not all(math.isfinite(number) for number in numbers):
            raise Diverged(facts.time_s, facts.gradient_steps)
        self.probes.append(
            {
                **self.label,
                "time_s": facts.time_s,
                "gradient_steps": facts.gradient_steps,
                "bytes_sent": facts.bytes_sent,
                "messages_sent": facts.messages_sent,
                "consensus_distance": math.fsum(distances) / len(distances),
                "consensus_max": max(distances),
                **_weights(facts),
                **losses._asdict(),
            }
        )
        self.workers += [
            {
                **self.label,
                "time_s": facts.time_s,
                "worker": index,
                "steps": worker.steps,
                "alpha": None if worker.alpha is None else float(worker.alpha),
                "distance": distance,
                "busy_s": worker.busy_s,
                "waiting_s": worker.waiting_s,
            }
            for index, (worker, distance) in enumerate(zip(facts.workers, distances, strict=True))
        ]


def _weights(facts: Facts) -> dict[str, float | None]:
    if facts.alpha_in_flight is None:
        return {"alpha_sum": None, "alpha_in_flight": None, "alpha_lost": None}
    total = math.fsum([*(float(worker.alpha) for worker in facts.workers), float(facts.alpha_in_flight)])
    # Nothing in this network loses a message.
    return {"alpha_sum": total, "alpha_in_flight": float(facts.alpha_in_flight), "alpha_lost": 0.0}
