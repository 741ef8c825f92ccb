"""What the animation of a run shows: who does what when, which messages fly, how far workers are apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from ..plots.losses import shown_loss
from ..plots.style import of_first_seed
from ..sim.timeline import TIMELINE_INTERVALS
from ..tables.run_data import RunData
from .places import places

MOST_WORKERS = 64
"""Of an arm: the first ones are shown."""

MOST_ARMS = 12

MOST_CHARACTERS = 1_500_000
"""Of the animation in the page; what is shown ends earlier where it would be longer."""

FRAMES = 20_000
"""Times are rounded to one part in this of the whole: a pixel of the slider has many."""

CODES = {"computing": "c", "waiting": "w", "sending": "s", "down": "d"}

Film = dict[str, Any]


def film(results: RunData) -> Film | None:
    """Return the animation of the first seed as the script of the page takes it, or None if no activity was
    recorded.
    """
    recorded = set(results.timeline["arm"])
    arms = [arm for arm in results.scenario.arms if arm in recorded]
    if not arms:
        return None
    shown = arms[:MOST_ARMS]
    end_s = _end_s(results, shown)
    made = _film(results, shown, end_s)
    while len(written(made)) > MOST_CHARACTERS:
        end_s /= 2
        made = _film(results, shown, end_s)
    return made | {"left_out": len(arms) - len(shown)}


def written(value: Any) -> str:
    """Return `value` as JSON without spaces, in which NaN is null and no text can end a script."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _end_s(results: RunData, arms: list[str]) -> float:
    """Return until when the activities of all these arms are known; an arm with more than were kept ends at its last
    one.
    """
    full: list[float] = []
    ends: list[float] = []
    for arm in arms:
        own = of_first_seed(results, "timeline", arm)
        (full if len(own) >= TIMELINE_INTERVALS else ends).append(float(own["end_s"].max()))
    return min(full) if full else max(ends)


def _film(results: RunData, arms: list[str], end_s: float) -> Film:
    made = [_arm(results, arm, end_s) for arm in arms]
    weights = [alpha for arm in made for row in arm["alpha"] or () for alpha in row if alpha is not None]
    far = [each for arm in made for row in arm["distance"] or () for each in row if each is not None]
    return {
        "end_s": end_s,
        "step_s": _typical_step_s(results, arms),
        "alpha_max": max(weights, default=None),
        "distance_max": max(far, default=None),
        "loss": (shown_loss(results) or "").replace("_", " "),
        "arms": made,
    }


def _typical_step_s(results: RunData, arms: list[str]) -> float | None:
    own = results.timeline[results.timeline["arm"].isin(arms) & (results.timeline["activity"] == "computing")]
    return None if own.empty else float((own["end_s"] - own["start_s"]).median())


def _arm(results: RunData, name: str, end_s: float) -> Film:
    arm = results.scenario.arms[name]
    workers = min(arm.workers, MOST_WORKERS)
    own = of_first_seed(results, "timeline", name)
    own = own[(own["start_s"] < end_s) & (own["worker"] < workers)]
    servers = arm.nodes - arm.workers if arm.workers == workers else 0
    there = places(arm, results.scenario.seed, servers) if arm.workers == workers else None
    if there is None:
        from .places import Places, _circle

        there = Places(_circle(workers), [])
    probes = of_first_seed(results, "probes", name)
    probes = probes[probes["time_s"] <= end_s]
    measure = shown_loss(results)
    states = of_first_seed(results, "workers", name)
    states = states[(states["worker"] < workers) & (states["time_s"] <= end_s)]
    return {
        "name": name,
        "workers": workers,
        "all_workers": arm.workers,
        "end_s": float(of_first_seed(results, "probes", name)["time_s"].max()),
        "xy": there.xy,
        "links": there.links,
        "probe_s": _times(probes["time_s"], end_s),
        "steps": probes["gradient_steps"].tolist(),
        "losses": _numbers(probes[measure]) if measure else None,
        "alpha": _by_worker(states, "alpha"),
        "distance": _by_worker(states, "distance"),
        "activities": [_activities(own[own["worker"] == worker], end_s) for worker in range(workers)],
        "messages": _messages(own, len(there.xy), end_s),
    }


def _times(seconds: pd.Series, end_s: float) -> list[float]:
    """Round times to what can be seen."""
    unit = end_s / FRAMES
    digits = max(0, -int(np.floor(np.log10(unit)))) if unit > 0 else 0
    return [round(float(each), digits) for each in seconds]


def _numbers(values: pd.Series) -> list[float | None]:
    """Round to four digits; missing and non-finite numbers become null."""
    return [float(f"{each:.4g}") if np.isfinite(each) else None for each in values.astype(float)]


def _by_worker(states: pd.DataFrame, column: str) -> list[list[float | None]] | None:
    """Return one row per probe with an entry per worker, or None if the run has no such column."""
    if states[column].isna().all():
        return None
    table = states.pivot(index="time_s", columns="worker", values=column)
    return [_numbers(row) for _, row in table.iterrows()]


def _activities(own: pd.DataFrame, end_s: float) -> dict[str, Any]:
    """Return what a worker does, in order of time: starts, ends and a letter for each."""
    own = own[own["activity"] != "message"].sort_values("start_s")
    return {
        "from": _times(own["start_s"], end_s),
        "to": _times(own["end_s"], end_s),
        "what": "".join(CODES[activity] for activity in own["activity"]),
    }


def _messages(own: pd.DataFrame, nodes: int, end_s: float) -> dict[str, Any]:
    own = own[(own["activity"] == "message") & (own["receiver"] < nodes)].sort_values("start_s")
    return {
        "from": own["worker"].tolist(),
        "to": [int(each) for each in own["receiver"]],
        "sent": _times(own["start_s"], end_s),
        "there": _times(own["end_s"], end_s),
        "alpha": None if own["alpha"].isna().all() else _numbers(own["alpha"]),
    }
