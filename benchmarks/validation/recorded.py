"""48 runs of real processes in network namespaces, kept as data: M = 4 and 8, eight ways, three seeds.

The calibration is one for all rows: what of a link's bytes is payload, and what TCP's slow start adds to a message
after idle, by RFC 5681 and 6928 from the round-trip time and the rate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .row import TOTAL, WAITING, Row
from .simulation import arm_of, in_rounds, in_time

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"

SEGMENT_BYTES, PACKET_BYTES, INITIAL_WINDOW = 1448, 1500, 10
"""Payload of a TCP segment over Ethernet, the packet, and the segments of the first window (RFC 6928)."""

TOTALS = ("steps", "slow", "sent", "merged", "total", "alpha")

ALGORITHMS: dict[str, dict[str, Any]] = {
    "push2": {"name": "gosgd_push", "push_probability": 0.2},
    "push8": {"name": "gosgd_push", "push_probability": 0.8},
    "pull2": {"name": "gosgd_pull", "pull_probability": 0.2},
    "adpsgd": {"name": "adpsgd"},
    "gloo": {"name": "allreduce", "collective": "gloo"},
    "ring": {"name": "allreduce", "collective": {"name": "ring", "events": True}},
    "ring, eager": {"name": "allreduce", "collective": {"name": "ring", "events": True, "barrier": False}},
    "local5": {"name": "local_sgd", "period": 5, "collective": "gloo"},
    "ddp5": {"name": "allreduce", "collective": "gloo", "buckets": 5, "backward_share": 2 / 3},
}
ROUNDS = {"gloo": 15, "ring": 15, "ring, eager": 15, "local5": 4, "ddp5": 12}
UNTIL_S, ENOUGH_S = 12.0, 60.0


def slow_start_s(rtt_s: float, bytes_per_s: float) -> float:
    """What a long message takes more on an idle connection than at the full rate: in each round trip until the window
    fills the link, which doubles from ten segments on, the time in which nothing is sent."""
    window_s, extra_s = INITIAL_WINDOW * SEGMENT_BYTES / bytes_per_s, 0.0
    while window_s < rtt_s:
        extra_s += rtt_s - window_s
        window_s *= 2
    return extra_s


def network(latency_s: float, bytes_per_s: float, size_bytes: int) -> dict[str, Any]:
    """The section that all rows have."""
    efficiency = SEGMENT_BYTES / PACKET_BYTES
    return {
        "latency_s": latency_s,
        "bandwidth_bytes_per_s": bytes_per_s,
        "sharing": "fair",
        "message_bytes": size_bytes,
        "efficiency": efficiency,
        "after_idle_s": slow_start_s(2 * latency_s, bytes_per_s * efficiency),
    }


def rows() -> Iterator[Row]:
    """Yield each figure of each run."""
    data = json.loads((DATA / "real_processes.json").read_text())
    for key in ("main_M4", "main_M8"):
        workers, links = (
            data[key]["workers"],
            network(data[key]["latency_s"], data[key]["bandwidth_bytes_per_s"], 500_000),
        )
        stragglers = [{"workers": [workers - 1], "factor": 5}]
        compute = {"time_s": {"distribution": "lognorm", "s": 0.25, "scale": 0.1}, "stragglers": stragglers}
        for name in ALGORITHMS:
            for seed, measured in data[key]["runs"][name.removesuffix(", eager")].items():
                case = f"M = {workers}, {name}, seed {seed}"
                found = simulated(workers, name, int(seed), links, compute)
                for quantity, value in measured.items():
                    if value is not None:
                        goal = TOTAL if quantity in TOTALS else WAITING
                        yield Row("recorded processes", case, quantity, value, found[quantity], goal)


def simulated(workers: int, name: str, seed: int, links: dict[str, Any], compute: Any) -> dict[str, float]:
    """The figures of one run, as far as its kind has them."""
    algorithm = ALGORITHMS[name]
    if name in ROUNDS:
        return in_rounds(arm_of(workers, algorithm, links, ENOUGH_S, compute), seed, ROUNDS[name])
    return in_time(arm_of(workers, algorithm, links, UNTIL_S, compute), seed)
