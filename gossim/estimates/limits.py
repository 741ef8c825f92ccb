"""Refuse what cannot be run here before anything is built, and report what takes long."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..scenario.arm import Arm
from ..scenario.scenario import Scenario
from ..scenario.sweep import Point
from ..units import readable_bytes
from .events import Events, events, said, wall_s
from .memory import Memory, arithmetic_s, dim_of, memory

MOST_EVENTS = 1e10
"""Of a run, all arms and seeds together; at ten microseconds each, a day."""

COUNTABLE = 2.0**62
"""Bytes: tables hold them in 64 bits."""

LONG_S = 3600.0
"""Of work, above which the estimate is shown."""

BEGIN_S = 5e-3
"""Of the machine's time, for one arm with one seed, whatever happens in it."""

CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says how much memory a container may have."""


class Cost(NamedTuple):
    """What one arm takes: events and bytes sent per seed, memory, and the seconds of all seeds."""

    events: Events
    memory: Memory
    wall_s: float
    bytes_sent: float


def cost(arm: Arm, seeds: int = 1, gradients: bool = True, stored: bool = False) -> Cost:
    """Estimate what an arm takes, with its tables in memory or `stored`. The estimate is off by a factor of two or
    three, and by more if the model or the algorithm is the user's.
    """
    learns = gradients and arm.problem is not None
    itemsize = 8 if arm.dtype == "float64" else 4
    named = arm.network.message_bytes if arm.network is not None else None
    size = float(named or dim_of(arm, arm.problem is not None) * itemsize)
    counted = events(arm, size)
    sent = size * (counted.messages + counted.resent + (2 * counted.steps if arm.workers > 1 else 0.0))
    seconds = seeds * (BEGIN_S + wall_s(arm, counted) + arithmetic_s(arm, counted, learns))
    return Cost(counted, memory(arm, counted, learns, seeds, stored), seconds, sent)


def machine_bytes() -> float:
    """Return the memory of this machine, or what this process may use of it; infinite if unknown."""
    known = [math.inf]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    for file in CGROUPS:
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        known += [float(text)] if text.isdecimal() else []
    return min(known)


def refuse_the_impossible(scenario: Scenario, gradients: bool = True, stored: bool = False) -> str | None:
    """Raise InputError for what cannot be run here, with the estimate and the keys that drive it.

    Args:
        scenario: What is to be run.
        gradients: Whether parameters are computed.
        stored: Whether there is a run directory, to which long tables go as they grow.

    Returns:
        The estimate in words where it is above an hour of work, else None.
    """
    costs = {name: cost(arm, scenario.repeats, gradients, stored) for name, arm in scenario.arms.items()}
    repeated = f"{said(scenario.repeats)} seeds of " if scenario.repeats > 1 else ""
    has = machine_bytes()
    for name, each in costs.items():
        if not each.memory.total <= has:
            raise InputError(
                f"arm '{name}': would take about {readable_bytes(each.memory.total)} of memory, and this machine has "
                f"{readable_bytes(has)}: {each.memory.drivers()}; --no-limits runs it all the same"
            )
    total = scenario.repeats * sum(each.events.total for each in costs.values())
    if not total <= MOST_EVENTS:
        name, most = max(costs.items(), key=lambda pair: pair[1].events.total)
        raise InputError(
            f"would take about {said(total)} events, and {said(MOST_EVENTS)} are the limit: {repeated}"
            f"{most.events.drivers(scenario.arms[name])} in arm '{name}'"
            f"{' (repeats)' if scenario.repeats > 1 else ''}; --no-limits runs it all the same"
        )
    for name, each in costs.items():
        if not each.bytes_sent <= COUNTABLE:
            raise InputError(
                f"arm '{name}': would send some {each.bytes_sent:.2g} bytes, more than tables can count "
                "(network.message_bytes, problem.model, until, workers)"
            )
    seconds = sum(each.wall_s for each in costs.values())
    if seconds <= LONG_S:
        return None
    memory_bytes = max(each.memory.total for each in costs.values())
    return (
        f"about {said(total)} events, {seconds / 3600:,.0f} hours of one core, {readable_bytes(memory_bytes)} of memory"
    )


def affordable_jobs(scenario: Scenario, gradients: bool, jobs: int) -> int:
    """Return how many of `jobs` arms and seeds, each in its own process, fit into this machine's memory at the same
    time.
    """
    costs = sorted((cost(arm, 1, gradients, stored=True).memory.total for arm in scenario.arms.values()), reverse=True)
    at_once = (costs * scenario.repeats)[:jobs] if scenario.repeats < jobs else costs[:1] * jobs
    has, total = machine_bytes(), 0.0
    for count, each in enumerate(sorted(at_once, reverse=True)):
        total += each
        if total > has:
            return max(1, count)
    return jobs


def arms_s(scenario: Scenario, gradients: bool = True) -> dict[str, float]:
    """Estimate the wall time of each arm with one seed, in seconds, by name."""
    return {name: cost(arm, 1, gradients).wall_s for name, arm in scenario.arms.items()}


def work_s(scenario: Scenario, gradients: bool = True) -> float:
    """Estimate the seconds of one core that a run takes, to a factor of two or three."""
    return sum(cost(arm, scenario.repeats, gradients).wall_s for arm in scenario.arms.values())


def refuse_impossible_points(points: Iterable[Point]) -> str | None:
    """Refuse a sweep if any of its points by itself is impossible. Returns the estimate of the first that takes
    long.
    """
    long = None
    for point in points:
        try:
            told = refuse_the_impossible(point.scenario, stored=True)
        except InputError as error:
            raise InputError(f"{point}: {error}") from None
        long = long or (told and f"{told} at {point}")
    return long
