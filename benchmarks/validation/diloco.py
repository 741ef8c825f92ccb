"""DiLoCo on shaped links, measured by others: the share of time spent computing, in windows cut as theirs were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from .recorded import DATA, PACKET_BYTES, SEGMENT_BYTES
from .row import Row
from .simulation import arm_of, ran

STEP_S, SIZE_BYTES, WORKERS = 0.0262, 123_386_880, 4
LATENCY_S = 1e-4
"""Of a round of a ring over TCP between such machines."""

WINDOWS = {1: (140, 140), 8: (144, 18), 32: (140, 4), 128: (180, 1)}
"""By H, steps and synchronisations of a window; those of H = 1 and 8, which are not given, hold whole rounds."""


def rows() -> Iterator[Row]:
    """Yield the utilisation for each rate and H, and the time of an all-reduce and of a step of DDP."""
    data = json.loads((DATA / "diloco_measured.json").read_text())
    for bits_per_s, shares in data["bit_per_s"].items():
        for period, percent in zip(data["H"], shares, strict=True):
            found = _utilisation(float(bits_per_s) / 8, period)
            yield Row("DiLoCo, measured by others", f"{bits_per_s} bit/s, H = {period}", "compute %", percent, found)
    for key, compute_s in (("allreduce_s", 0.0), ("ddp_step_s", STEP_S)):
        for bits_per_s, seconds in data[key].items():
            found = compute_s + _allreduce_s(float(bits_per_s) / 8)
            yield Row("DiLoCo, measured by others", f"{bits_per_s} bit/s", key, seconds, found)


def _links(bytes_per_s: float) -> dict[str, Any]:
    return {
        "latency_s": LATENCY_S,
        "bandwidth_bytes_per_s": bytes_per_s,
        "efficiency": SEGMENT_BYTES / PACKET_BYTES,
        "sharing": "fair",
        "message_bytes": SIZE_BYTES,
    }


def _line(bytes_per_s: float, period: int, rounds: int) -> list[tuple[str, float]]:
    """What worker 0 does, and for how long, in that many rounds."""
    until_s = rounds * (period * STEP_S + 200e6 / bytes_per_s)
    algorithm = {"name": "diloco", "period": period, "outer": {"learning_rate": 0.7}, "collective": "ring"}
    world = ran(arm_of(WORKERS, algorithm, _links(bytes_per_s), until_s, {"time_s": STEP_S}), 0, timeline=True)
    own = [each for each in world.timeline.intervals if each.worker == 0 and each.activity != "message"]
    return [(each.activity, each.end_s - each.start_s) for each in own]


def _allreduce_s(bytes_per_s: float) -> float:
    return next(seconds for activity, seconds in _line(bytes_per_s, 1, 2) if activity == "sending")


def _utilisation(bytes_per_s: float, period: int) -> float:
    """Percent of the first window, after one round, that holds that many steps and synchronisations."""
    steps, synchronisations = WINDOWS[period]
    line = _line(bytes_per_s, period, steps // period + 4)
    computing = [activity == "computing" for activity, _ in line]
    done = [0, *accumulate(computing)]
    for begin in range(len(line)):
        if done[begin] < period or not computing[begin]:
            continue
        end = next((k for k in range(begin, len(line) + 1) if done[k] - done[begin] == steps), None)
        if end is None:
            break
        if end < len(line) and not computing[end] and (end - begin) - steps < synchronisations:
            end += 1  # a window of whole rounds ends with its synchronisation
        if (end - begin) - steps == synchronisations:
            total_s = sum(seconds for _, seconds in line[begin:end])
            return 100 * sum(seconds for activity, seconds in line[begin:end] if activity == "computing") / total_s
    raise RuntimeError(f"no window of {steps} steps and {synchronisations} synchronisations for H = {period}")
