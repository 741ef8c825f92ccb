"""What a scenario says that is allowed and may not be meant: nothing of this is passed over in silence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..cluster.durations import Empirical
from ..cluster.replay import Replay
from ..files.column_units import says_nothing
from ..schema.violations import Violation
from .unused import choosing_nobody, rules, unused

if TYPE_CHECKING:
    from .arm import Arm
    from .scenario import Scenario


def cautions(scenario: Scenario) -> list[Violation]:
    """Return what deserves a second look, once each, in the order of the scenario's keys."""
    found: dict[str, Violation] = {}
    for problem in (
        *unused([scenario]),
        *_nobody(scenario),
        *_numbers(scenario),
        *_units(scenario),
        *_replays(scenario),
        *_target(scenario),
    ):
        found.setdefault(str(problem), problem)
    return list(found.values())


def log_warnings(warnings: list[str]) -> None:
    """Log them as `gossim`, which Python prints on the standard error stream by default."""
    for warning in warnings:
        logging.getLogger("gossim").warning("%s", warning)


def _nobody(scenario: Scenario) -> Iterator[Violation]:
    for (path, fraction), arms in choosing_nobody(scenario).items():
        if len(arms) < len(scenario.arms):
            yield Violation(path, fraction, f"chooses none of the workers of {_arms(arms)}")


def _numbers(scenario: Scenario) -> Iterator[Violation]:
    """Return rules that no arm uses completely; arms use the parts that concern them."""
    most = max(arm.workers for arm in scenario.arms.values())
    for path, rule in rules(scenario):
        for place, worker in enumerate(rule.workers or ()):
            if worker >= most:
                yield Violation((*path, "workers", str(place)), worker, "no arm has that worker")


def _units(scenario: Scenario) -> Iterator[Violation]:
    told: dict[tuple[tuple[str, ...], Any, str], list[str]] = {}
    for name, arm in scenario.arms.items():
        for problem in _unit(arm):
            told.setdefault((problem.path, problem.value, problem.rule), []).append(name)
    for (path, value, rule), arms in told.items():
        where = "" if len(arms) == len(scenario.arms) else f", in {_arms(arms)}"
        yield Violation(path, value, rule + where)


def _unit(arm: Arm) -> Iterator[Violation]:
    for path, law in _empirical(arm):
        is_rate = path[:2] == ("network", "bandwidth_bytes_per_s")
        if law.unit is None and "factor" not in path and says_nothing(law.column):
            rule = f"says no unit, in {law.file}, and is taken to be in {'bytes per second' if is_rate else 'seconds'}"
            yield Violation((*path, "column"), law.column, f"{rule}; `unit` says which it is")


def _replays(scenario: Scenario) -> Iterator[Violation]:
    """Return recorded times that are shorter than the run and therefore repeated."""
    for arm in scenario.arms.values():
        own, until = arm.compute.time_s, arm.until
        if not isinstance(own, Replay) or own.at_end != "wrap" or until.time_s is None:
            continue
        together = {rank: float(times.sum()) for rank, times in own.recorded().items() if rank < arm.workers}
        rank = min(together, key=together.__getitem__)
        if together[rank] < until.time_s:
            rule = f"has {together[rank]:g} s of worker {rank}, and the run may last {until.time_s:g} s"
            yield Violation(("compute", "time_s", "replay"), own.file, f"{rule}; its times are repeated")


def _empirical(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Empirical | Replay]]:
    if isinstance(value, Empirical | Replay):
        yield path, value
    elif isinstance(value, BaseModel):
        for key, inner in value:
            yield from _empirical(inner, (*path, key))
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for number, inner in enumerate(value):
            yield from _empirical(inner, (*path, str(number)))


def _target(scenario: Scenario) -> Iterator[Violation]:
    for measure, goal in scenario.target or ():
        without = [name for name, arm in scenario.arms.items() if goal is not None and not arm.measures(measure)]
        if without:
            yield Violation(("target", measure), goal, f"is not measured in {_arms(without)}")


def _arms(names: list[str]) -> str:
    return f"arm {names[0]}" if len(names) == 1 else f"arms {', '.join(names)}"
