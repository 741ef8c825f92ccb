"""A run as a Chrome trace, which Perfetto (ui.perfetto.dev) and chrome://tracing show: one process an arm, one track a
worker, an arrow a message, and a bucket of an all-reduce beside what its worker computes.

Source of the format: Google, "Trace Event Format" (the JSON object format). Times are simulated ones, in microseconds
with three decimals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ..algorithms._by_path import Unimported
from ..errors import InputError
from ..files.atomic import whole
from ..scenario.arm import Arm
from ..tables.run_data import RunData

Event = dict[str, Any]


def write_trace(results: RunData, path: Path, arm: str | None = None) -> int:
    """Write the first seed of each arm as a Chrome trace, one event per line.

    Args:
        results: The run.
        path: The file to write.
        arm: The only arm to write; by default all.

    Returns:
        The number of arrows between workers.

    Raises:
        InputError: If there is no such arm or folder, or nothing was recorded of the arm.
    """
    arms = results.scenario.arms
    if arm is not None and arm not in arms:
        raise InputError(f"--arm {arm}: must be one of {', '.join(arms)}")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: {path.parent} is not a directory")
    numbered = [(number, name) for number, name in enumerate(arms, 1) if arm in (None, name)]
    if not any((results.timeline["arm"] == name).any() for _, name in numbered):
        raise InputError(f"{'arm ' + repr(arm) if arm else 'the run'}: no activities were recorded")
    about = {"title": results.scenario.title, "seed": results.scenario.seed}
    arrows = 0
    try:
        with whole(path) as draft, draft.open("w", encoding="utf-8") as file:
            file.write('{"displayTimeUnit": "ms", "otherData": ' + _json(about) + ', "traceEvents": [')
            separator = "\n"
            for number, name in numbered:
                for event in trace_events(results, name, number):
                    file.write(separator + _json(event))
                    separator = ",\n"
                    arrows += event["ph"] == "s"
            file.write("\n]}\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return arrows


def trace_events(results: RunData, arm: str, process: int) -> Iterator[Event]:
    """Yield the events of one arm in order of time, names first.

    Tracks are numbered from 1: worker m has m + 1. A message gets an arrow if its sender and its receiver are known
    to do something at its two ends.
    """
    first = results.scenario.seed
    own = {name: results.of_run(name, arm, first) for name in ("timeline", "probes", "workers")}
    if own["timeline"].empty:
        return
    workers = results.scenario.arms[arm].workers
    servers = _servers(results.scenario.arms[arm], own["timeline"]) if workers > 1 else []
    tracks = {m: f"worker {m}" for m in range(workers)}
    tracks |= {node: "server" if len(servers) == 1 else f"server {node - workers}" for node in servers}
    yield from _names(process, arm, tracks)
    slices = [*_activities(own["timeline"], tracks)]
    until = {event["tid"]: event["end"] for event in sorted(slices, key=lambda event: event["end"])}
    moved = (*_arrows(own["timeline"], until, process), *_buckets(own["timeline"], process))
    timed = [*slices, *moved, *_counters(own["probes"], own["workers"])]
    for event in sorted(timed, key=lambda event: event["ts"]):  # stable: an activity is there before its arrows
        end = event.pop("end", event["ts"])
        length = {"dur": (end - event["ts"]) / 1000} if event["ph"] == "X" else {}
        yield {**event, "pid": process, "ts": event["ts"] / 1000, **length}


def _servers(arm: Arm, timeline: pd.DataFrame) -> list[int]:
    """Return the nodes beside the workers.

    They are as many as the algorithm says; if it was not imported, they are those that sent or received messages.
    """
    if not isinstance(arm.algorithm, Unimported):
        return [arm.workers + n for n in range(arm.algorithm.servers)]
    nodes = pd.concat([timeline["worker"], timeline["receiver"].dropna().astype("int64")])
    return sorted(int(node) for node in nodes.unique() if node >= arm.workers)


def _names(process: int, arm: str, tracks: dict[int, str]) -> Iterator[Event]:
    about = {"ph": "M", "pid": process, "tid": 0, "ts": 0}
    yield {**about, "name": "process_name", "args": {"name": arm}}
    yield {**about, "name": "process_sort_index", "args": {"sort_index": process}}
    for node, name in tracks.items():
        yield {**about, "tid": node + 1, "name": "thread_name", "args": {"name": name}}
        yield {**about, "tid": node + 1, "name": "thread_sort_index", "args": {"sort_index": node}}


def _activities(timeline: pd.DataFrame, tracks: dict[int, str]) -> Iterator[Event]:
    """Yield the activities on each track.

    Here and below, `ts` and `end` are whole nanoseconds, so that neighbours meet exactly. A server is always there
    and has one activity.
    """
    for row in timeline[timeline["activity"] != "message"].itertuples():
        yield _slice(row.worker, row.activity, _ns(row.start_s), _ns(row.end_s))
    for node, name in tracks.items():
        if name.startswith("server"):
            yield _slice(node, "serving", 0, _ns(timeline["end_s"].max()))


def _slice(node: int, activity: str, start: int, end: int) -> Event:
    return {"ph": "X", "name": activity, "cat": "activity", "tid": node + 1, "ts": start, "end": end}


def _buckets(timeline: pd.DataFrame, process: int) -> Iterator[Event]:
    """Yield what is averaged while a worker computes: several may be under way at once, each a track of its own."""
    under_way = (timeline["activity"] == "message") & timeline["receiver"].isna() & timeline["size_bytes"].notna()
    for number, row in enumerate(timeline[under_way].itertuples()):
        bucket = {"name": "bucket", "cat": "collective", "id": f"{process}.{number}", "tid": row.worker + 1}
        yield {**bucket, "ph": "b", "ts": _ns(row.start_s), "args": {"size_bytes": int(row.size_bytes)}}
        yield {**bucket, "ph": "e", "ts": _ns(row.end_s)}


def _arrows(timeline: pd.DataFrame, until: dict[int, int], process: int) -> Iterator[Event]:
    messages = timeline[(timeline["activity"] == "message") & timeline["receiver"].notna()]
    for number, row in enumerate(messages.itertuples()):
        start, end, sender, receiver = _ns(row.start_s), _ns(row.end_s), row.worker + 1, int(row.receiver) + 1
        if start < until.get(sender, 0) and end < until.get(receiver, 0):
            arrow = {"name": "message", "cat": "message", "id": f"{process}.{number}"}
            args = {"receiver": int(row.receiver), "size_bytes": int(row.size_bytes)}
            yield {**arrow, "ph": "s", "tid": sender, "ts": start, "args": args}
            yield {**arrow, "ph": "f", "bp": "e", "tid": receiver, "ts": end}


def _counters(probes: pd.DataFrame, workers: pd.DataFrame) -> Iterator[Event]:
    """Yield what was measured at the probes."""
    names = {"alpha_sum": "Σα", "alpha_in_flight": "α in flight", "consensus_distance": "consensus distance"}
    for column, name in names.items():
        for time_s, value in zip(probes["time_s"], probes[column], strict=True):
            if math.isfinite(value):
                yield {"ph": "C", "name": name, "tid": 0, "ts": _ns(time_s), "args": {column: value}}
    weights = workers[workers["alpha"].notna()]
    for time_s, held in weights.groupby("time_s"):
        args = {f"worker {m}": alpha for m, alpha in zip(held["worker"], held["alpha"], strict=True)}
        yield {"ph": "C", "name": "α", "tid": 0, "ts": _ns(time_s), "args": args}


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
