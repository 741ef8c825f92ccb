"""From what the timing plane saw to rows of the tables (`gossim.tables.columns` says what they mean)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..sim.probe_facts import Facts
from ..sim.timeline import ActivityKind
from ..sim.traffic import by_pair
from ..sim.world import World
from .utilisation import BytesByNode, of_link, utilisation

Row = dict[str, Any]
Columns = dict[str, Any]
"""From a column's name to its numbers, an array, or to the one thing that all rows have in it."""


class Measurements(NamedTuple):
    """What is known of a probe's parameters: `distances`, each worker's from their mean; `losses` of this mean, by
    column; `gaps`, of each worker that takes part, ‖∇L^m(x_m) − ∇L^m(x̄)‖ and ‖∇L^m(x̄)‖; `layers`, the consensus
    distance in each of the model's parameter tensors. The last two are empty unless they are asked for."""

    distances: Sequence[float]
    losses: Mapping[str, Any]
    gaps: Sequence[tuple[float, float]] = ()
    layers: Mapping[str, float] = MappingProxyType({})


class ProbeRows(NamedTuple):
    """What a probe adds to each of these tables; to that of the workers, of whom there may be a million, by column."""

    probes: list[Row]
    workers: Columns
    gaps: list[Row]
    layers: list[Row]


class Observations:
    """What the probes of one arm with one seed add to the tables, in their order.

    A probe is there with all its rows or not at all, whenever Ctrl-C comes: it is one item of one list.
    """

    def __init__(self, arm: str, seed: int):
        self.label = {"arm": arm, "seed": seed}
        self.seen: list[ProbeRows] = []
        self.rows_seen = 0

    def add(self, facts: Facts, measured: Measurements | None = None) -> None:
        """Add a probe: what the timing plane knows and, if parameters are computed, what was measured. Workers that are
        down or returning are left out.
        """
        label = {**self.label, "time_s": facts.time_s}
        gaps = zip(facts.participants, measured.gaps, strict=True) if measured and measured.gaps else ()
        layers = measured.layers.items() if measured else ()
        self.rows_seen += 1 + len(facts.by_worker.steps) + (len(measured.gaps) + len(layers) if measured else 0)
        self.seen.append(
            ProbeRows(
                probes=[label | _probe(facts, measured)],
                workers=label | _workers(facts, measured),
                gaps=[label | _gap(worker, *gap) for worker, gap in gaps],
                layers=[label | {"layer": layer, "consensus_distance": distance} for layer, distance in layers],
            )
        )

    def forget(self) -> None:
        """Begin anew: what has been seen so far is kept elsewhere."""
        self.seen, self.rows_seen = [], 0

    def rows(self, table: str) -> Iterator[Row]:
        """Return the rows of `probes`, `gaps` or `layers`."""
        return (row for rows in self.seen for row in getattr(rows, table))

    def workers(self) -> list[Columns]:
        """Return the table of that name, probe by probe."""
        return [rows.workers for rows in self.seen]


def exchanges(world: World) -> Iterator[dict[str, Any]]:
    """Return the rows of `exchanges` of one run, by sender and receiver."""
    for (sender, receiver), exchange in by_pair(world.network.exchanges).items():
        steps, seconds = exchange.staleness()
        yield {
            "sender": sender,
            "receiver": receiver,
            "messages": exchange.messages,
            "size_bytes": round(exchange.size_bytes),
            "bytes_carried": round(exchange.carried),
            "utilisation": of_link(world, sender, receiver, exchange.carried),
            "merged": exchange.merged,
            "staleness_steps": steps,
            "staleness_s": seconds,
        }


def activities(world: World) -> Iterator[dict[str, Any]]:
    """Return the rows of `activities` of one run, up to the current time of its clock."""
    kinds: tuple[ActivityKind, ...] = ("computing", "waiting", "sending", "down")
    network, seconds = world.network, world.clock.now_s
    carried = BytesByNode(network, carried=True)
    for worker in world.workers:
        spent = {f"{kind}_s": worker.activity.spent_s(kind) for kind in kinds}
        rates = network.rates(worker.index)
        yield {
            "worker": worker.index,
            **spent,
            "up_utilisation": utilisation(carried.up(worker.index), rates.up, seconds),
            "down_utilisation": utilisation(carried.down(worker.index), rates.down, seconds),
        }


def _probe(facts: Facts, measured: Measurements | None) -> Row:
    away = [measured.distances[worker] for worker in dict.fromkeys(facts.participants)] if measured else None
    return {
        "gradient_steps": facts.gradient_steps,
        "bytes_sent": facts.bytes_sent,
        "bytes_carried": round(facts.bytes_carried),
        "messages_sent": facts.messages_sent,
        "consensus_distance": math.fsum(away) / len(away) if away else None,
        "consensus_max": max(away) if away else None,
        **_weights(facts),
        **(measured.losses if measured else {}),
    }


def _workers(facts: Facts, measured: Measurements | None) -> Columns:
    workers, count = facts.by_worker, len(facts.by_worker.steps)
    distance = np.full(count, np.nan)
    if measured:
        present = facts.participants
        distance[present] = np.asarray(measured.distances)[present]
    return {
        "worker": np.arange(count),
        "steps": np.array(workers.steps, dtype=np.int64),
        "alpha": np.array(workers.alpha, dtype=np.float64),  # of None it makes NaN
        "distance": distance,
        "busy_s": np.array(workers.busy_s),
        "waiting_s": np.array(workers.waiting_s),
    }


def _gap(worker: int, gap: float, norm: float) -> Row:
    return {"worker": worker, "gradient_gap": gap, "gradient_norm": norm, "ratio": gap / norm if norm else None}


def _weights(facts: Facts) -> dict[str, float | None]:
    if facts.alpha_in_flight is None:
        return {"alpha_sum": None, "alpha_in_flight": None, "alpha_lost": None}
    total = math.fsum([*map(float, facts.by_worker.alpha), float(facts.alpha_in_flight)])
    return {
        "alpha_sum": total,
        "alpha_in_flight": float(facts.alpha_in_flight),
        "alpha_lost": float(facts.alpha_lost),
    }
