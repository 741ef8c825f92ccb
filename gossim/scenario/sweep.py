"""A sweep: one scenario at every point of a grid of values."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import ScenarioError, nearest
from ..schema.violations import Violation, short
from .overrides import overlapping, plain, put
from .scenario import Scenario
from .unused import unused
from .yaml_file import read

LARGEST_GRID = 10_000
"""Points; each is read, checked and written by itself."""

FIXED = {
    "seed": "for more seeds use repeats",
    "repeats": "every point has the same seeds",
    "arms": "every point has the same arms; name a key in one",
    "sweep": "a point is one run",
    "schema_version": "it is that of the whole file",
}
"""Keys that cannot be swept, and why: rows of the table would not compare."""


@dataclass(frozen=True)
class Point:
    """The values that a point gives the sweep's keys, and the scenario that this makes."""

    values: Mapping[str, Any]
    scenario: Scenario

    @cached_property
    def name(self) -> str:
        """By which its run is found again: of the scenario as resolved, whatever the sweep around it."""
        data = self.scenario.to_data()
        del data["schema_version"]  # which says how to read it, not what is run
        return hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]

    @property
    def runs(self) -> str:
        """What decides what is measured: the arms with all that they have, and no more."""
        kept = self.scenario.model_dump(mode="json", include={"arms", "seed", "repeats", "target"})
        return hashlib.sha256(json.dumps(kept).encode()).hexdigest()

    def __str__(self) -> str:
        return _told(self.values)


@dataclass(frozen=True)
class Sweep:
    """`sweep: {key: [values], ...}` over dotted keys of a scenario: every combination, the last key fastest."""

    keys: tuple[str, ...]
    points: tuple[Point, ...]
    data: Mapping[str, Any]

    @property
    def scenario(self) -> Scenario:
        """That of the first point, for what all points share: arms, seeds, title."""
        return self.points[0].scenario

    @classmethod
    def parse(cls, data: Any, source: str = "scenario") -> Sweep:
        """Return the sweep that a file holds. Raises ScenarioError with everything that is wrong, at any point."""
        if not isinstance(data, Mapping) or "sweep" not in data:
            raise ScenarioError(
                source, ["sweep: is required, as `sweep: {workers: [4, 8]}`; `gossim run` does without"]
            )
        base, grid = {key: value for key, value in data.items() if key != "sweep"}, plain(data["sweep"])
        wrong = _wrong(grid, base)
        if wrong:
            raise ScenarioError(source, [str(problem) for problem in wrong])
        every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
        points: list[Point] = []
        failing: dict[str, list[dict[str, Any]]] = {}
        for values in every:
            try:
                points.append(Point(values, _at(base, values, source)))
            except ScenarioError as error:
                for problem in error.problems:
                    failing.setdefault(problem, []).append(values)
        if failing:
            raise ScenarioError(source, [_where(problem, at, len(every)) for problem, at in failing.items()])
        idle = unused(point.scenario for point in points if point.scenario.unused == "refuse")
        if idle:
            raise ScenarioError(source, [str(problem) for problem in idle])
        points = [_alone(point, source) for point in points]
        runs: dict[str, Point] = {}
        for point in points:
            other = runs.setdefault(point.runs, point)
            if other is not point:
                own = "" if point.name == other.name else ": every arm has its own of what differs"
                raise ScenarioError(source, [f"sweep: {other} and {point} are the same run{own}"])
        return cls(tuple(grid), tuple(points), {**copy.deepcopy(base), "sweep": grid})

    def part(self, number: int, parts: int) -> tuple[Point, ...]:
        """Return the points of one of several parts, numbered from 1: every `parts`-th point."""
        return self.points[number - 1 :: parts]

    @property
    def warnings(self) -> list[str]:
        """Those of the points' scenarios, and at which points they come up if not at all of them."""
        found: dict[str, list[dict[str, Any]]] = {}
        for point in self.points:
            for warning in point.scenario.warnings:
                found.setdefault(warning, []).append(dict(point.values))
        return [_where(warning, at, len(self.points)) for warning, at in found.items()]

    @classmethod
    def load(cls, path: str | Path) -> Sweep:
        """Return the sweep in that file. Raises ScenarioError."""
        return cls.parse(read(path), str(path))

    def cells(self, key: str) -> list[Any]:
        """Return the value of `key` at each point as it is written in a table; see `cells`."""
        return cells([point.values[key] for point in self.points])


def cells(values: Sequence[Any]) -> list[Any]:
    """Return the value of `key` at each point as it is written in a table. Columns of only numbers, texts or booleans
    are unchanged; lists, mappings and mixed values become JSON; null is empty.
    """
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or kinds in ({str}, {bool}):
        return list(values)
    return [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]


def changed(data: Any, changes: Mapping[str, Any], source: str) -> Any:
    """Return the content of a file with a sweep, with other values. Raises ScenarioError if the sweep sets the same
    key, a part of it, or something that contains it.
    """
    data = copy.deepcopy(data)
    grid = data.get("sweep") if isinstance(data, Mapping) else None
    for path, value in changes.items():
        if isinstance(grid, Mapping) and (taken := overlapping(path, grid)):
            what = "this key itself" if taken == [path] else f"{taken[0]}, of which one is a part of the other"
            raise ScenarioError(source, [f"{path} = {short(value)}: the sweep sets {what}"])
        put(data, path, value, source)
    return data


def _wrong(grid: Any, base: Mapping[str, Any]) -> list[Violation]:
    if not isinstance(grid, Mapping) or not grid:
        rule = "must be a mapping of dotted keys to lists of values, as `workers: [4, 8]`"
        return [Violation(("sweep",), grid, rule)]
    wrong = []
    arms = base.get("arms")
    for place, (key, values) in enumerate(grid.items()):
        path = ("sweep", str(key))
        if not isinstance(key, str) or not all(key.split(".")):
            wrong.append(Violation(path, None, "must be a dotted key, as problem.batch_size"))
            continue
        section, *rest = key.split(".")
        if key in FIXED:
            wrong.append(Violation(path, None, f"cannot be swept: {FIXED[key]}"))
        for other in overlapping(key, list(grid)[:place]):
            wrong.append(Violation(path, None, f"cannot be swept beside {other}: one is a part of the other"))
        if section == "arms" and rest and isinstance(arms, Mapping) and rest[0] not in arms:
            wrong.append(Violation(path, None, f"unknown arm '{rest[0]}'{nearest(rest[0], map(str, arms))}"))
        if not isinstance(values, list) or not values:
            wrong.append(Violation(path, values, "must be a list of values"))
    if not wrong and (size := math.prod(len(values) for values in grid.values())) > LARGEST_GRID:
        wrong.append(Violation(("sweep",), None, f"has {size:,} points; at most {LARGEST_GRID:,} are allowed"))
    return wrong


def _at(base: Mapping[str, Any], values: Mapping[str, Any], source: str) -> Scenario:
    data = copy.deepcopy(dict(base))
    for key, value in values.items():
        put(data, key, copy.deepcopy(value), source)
    return Scenario.parse(data, source, alone=False)


def _alone(point: Point, source: str) -> Point:
    """Return the point as a run by itself. It may leave settings unused that other points use, and says so."""
    if point.scenario.unused == "warn" or not unused([point.scenario]):
        return point
    return Point(point.values, Scenario.parse({**point.scenario.written(), "unused": "warn"}, source))


def _where(problem: str, at: list[dict[str, Any]], points: int) -> str:
    """Return the problem, and at which points it occurs unless at all of them."""
    first = at[0]
    common = {key: value for key, value in first.items() if all(_same(values[key], value) for values in at)}
    left = {key: value for key, value in common.items() if not problem.startswith(f"{key} = {short(value)}: ")}
    if len(at) == points or (common and not left):
        return problem
    if left:
        return f"{problem} (at {_told(left)})"
    return f"{problem} (at {len(at)} points, the first of them {_told(first)})"


def _same(one: Any, other: Any) -> bool:
    """Return whether two values of a grid are the same; .nan is not equal to itself."""
    return one is other or bool(one == other)


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {short(value)}" for key, value in values.items())
