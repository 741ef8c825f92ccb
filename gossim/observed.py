"""From what the timing plane saw to rows of the tables (`gossim.columns` says what they mean)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .sim.activity import Kind
from .sim.exchanges import by_pair
from .sim.world import Facts, World


class Observations:
    """The rows of `probes` and `workers` of one arm with one seed, in the order of the probes."""

    def __init__(self, arm: str, seed: int):
        self.label = {"arm": arm, "seed": seed}
        self.probes: list[dict[str, Any]] = []
        self.workers: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.layers: list[dict[str, Any]] = []

    def add(
        self, facts: Facts, distances: Sequence[float] | None = None, losses: Mapping[str, Any] | None = None
    ) -> None:
        """A probe: what the timing plane knows and, where parameters are computed, each worker's distance from their
        mean and what the mean achieves. Workers that are down or on their way back have no part in it."""
        present = dict.fromkeys(facts.participants)
        away = [distances[worker] for worker in present] if distances else None
        self.probes.append(
            {
                **self.label,
                "time_s": facts.time_s,
                "gradient_steps": facts.gradient_steps,
                "bytes_sent": facts.bytes_sent,
                "messages_sent": facts.messages_sent,
                "consensus_distance": math.fsum(away) / len(away) if away else None,
                "consensus_max": max(away) if away else None,
                **_weights(facts),
                **(losses or {}),
            }
        )
        for index, worker in enumerate(facts.workers):
            self.workers.append(
                {
                    **self.label,
                    "time_s": facts.time_s,
                    "worker": index,
                    "steps": worker.steps,
                    "alpha": None if worker.alpha is None else float(worker.alpha),
                    "distance": distances[index] if distances and index in present else None,
                    "busy_s": worker.busy_s,
                    "waiting_s": worker.waiting_s,
                }
            )

    def add_gaps(self, facts: Facts, gaps: Sequence[float], norms: Sequence[float]) -> None:
        """Of each worker that takes part, ‖∇L^m(x_m) − ∇L^m(x̄)‖ and ‖∇L^m(x̄)‖."""
        for worker, gap, norm in zip(facts.participants, gaps, norms, strict=True):
            row = {"worker": worker, "gradient_gap": gap, "gradient_norm": norm, "ratio": gap / norm if norm else None}
            self.gaps.append({**self.label, "time_s": facts.time_s, **row})

    def add_layers(self, facts: Facts, distances: Mapping[str, float]) -> None:
        """The consensus distance in each of the model's parameter tensors."""
        for layer, distance in distances.items():
            row = {"layer": layer, "consensus_distance": distance}
            self.layers.append({**self.label, "time_s": facts.time_s, **row})


def exchanges(world: World) -> Iterator[dict[str, Any]]:
    """The rows of `exchanges` of one run, by sender and receiver."""
    for (sender, receiver), exchange in by_pair(world.network.exchanges).items():
        steps, seconds = exchange.staleness()
        yield {
            "sender": sender,
            "receiver": receiver,
            "messages": exchange.messages,
            "size_bytes": round(exchange.size_bytes),
            "merged": exchange.merged,
            "staleness_steps": steps,
            "staleness_s": seconds,
        }


def activities(world: World) -> Iterator[dict[str, Any]]:
    """The rows of `activities` of one run, up to where its clock stands."""
    kinds: tuple[Kind, ...] = ("computing", "waiting", "sending", "down")
    for worker in world.workers:
        yield {"worker": worker.index, **{f"{kind}_s": worker.activity.spent_s(kind) for kind in kinds}}


def _weights(facts: Facts) -> dict[str, float | None]:
    if facts.alpha_in_flight is None:
        return {"alpha_sum": None, "alpha_in_flight": None, "alpha_lost": None}
    total = math.fsum([*(float(worker.alpha) for worker in facts.workers), float(facts.alpha_in_flight)])
    return {
        "alpha_sum": total,
        "alpha_in_flight": float(facts.alpha_in_flight),
        "alpha_lost": float(facts.alpha_lost),
    }
