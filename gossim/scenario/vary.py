"""Every arm once for each value of some keys, as arms of one scenario: `gosgd_push (factor=5)`, `(factor=20)`."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ScenarioError, nearest
from ..files.trust import trusting
from ..schema.violations import Violation
from ..settings import Settings
from .overrides import at, difference, overlapping, plain
from .scenario import Scenario

MOST_ARMS = 200
"""Of one run: figures and tables of more say nothing."""

Values = Mapping[str, Sequence[Any]]


class Variant(NamedTuple):
    """An `arm` of a scenario at some values of the keys that concern it, and its `name` beside the others."""

    arm: str
    values: Mapping[str, Any]
    name: str


def varied(scenario: Scenario, grid: Values, source: str = "scenario") -> Scenario:
    """Give every arm once for each value of a key, or each combination of the values of several.

    A key within an arm, `arms.NAME.…`, concerns that arm alone. An arm that does not follow a shared key, because it
    has a value of its own, runs once and keeps its name.

    Args:
        scenario: What is varied.
        grid: The values of each dotted key.
        source: What messages call the scenario.

    Raises:
        ScenarioError: Where a key cannot be varied, has no values or the same twice, or makes an arm that cannot run.
    """
    return with_arms(scenario, variants(scenario, grid, source), source)


def variants(scenario: Scenario, grid: Values, source: str = "scenario") -> list[Variant]:
    """Return the arms that `varied` makes, in its order.

    Raises:
        ScenarioError: As `varied`.
    """
    grid = {key: plain(list(values) if isinstance(values, tuple) else values) for key, values in grid.items()}
    if wrong := list(_wrong(scenario, grid)):
        raise ScenarioError(source, [str(each) for each in wrong])
    concerned = {key: _concerned(scenario, key, values, source) for key, values in grid.items()}
    found: dict[str, Variant] = {}
    for arm in scenario.arms:
        keys = [key for key in grid if arm in concerned[key]]
        for values in itertools.product(*(grid[key] for key in keys)):
            variant = variant_of(arm, dict(zip(keys, values, strict=True)), list(grid))
            if variant.name in found or (variant.values and variant.name in scenario.arms):
                raise ScenarioError(source, [f"arms.{variant.name}: would be there twice; give an arm another name"])
            found[variant.name] = variant
    return list(found.values())


def variant_of(arm: str, values: Mapping[str, Any], keys: Sequence[str]) -> Variant:
    """Return the arm at these values, named by them; `keys` are all that vary, which their short names tell apart."""
    shown = short_keys(keys)
    return Variant(arm, values, _label(arm, {shown[key]: value for key, value in values.items()}))


def with_arms(scenario: Scenario, arms: Iterable[Variant], source: str = "scenario", **shared: Any) -> Scenario:
    """Return a scenario that has these arms, and of all else what `scenario` has, or what `shared` has in its place.

    Raises:
        ScenarioError: Where an arm cannot run.
    """
    base = scenario.to_data()
    own = base.pop("arms")
    made = {each.name: _arm(scenario, each, base, source) if each.values else own[each.arm] for each in arms}
    with trusting(scenario.trust):
        return Scenario.parse({**base, **shared, "arms": made}, source)


def _wrong(scenario: Scenario, grid: Values) -> Iterator[Violation]:
    """Return what is wrong with the keys and the numbers of their values."""
    size = len(scenario.arms) * math.prod(len(values) for values in grid.values() if isinstance(values, list))
    for place, (key, values) in enumerate(grid.items()):
        section, _, rest = key.partition(".")
        if not all(key.split(".")):
            yield Violation((key,), None, "must be a dotted key, as compute.stragglers.0.factor")
        elif section not in {*Settings.model_fields, "arms"} and section in Scenario.model_fields:
            yield Violation((key,), None, "cannot be varied: all arms of a run share it")
        elif section == "arms" and "." not in rest:
            yield Violation((key,), None, "cannot be varied as a whole; name a key in an arm")
        elif section == "arms" and rest.partition(".")[0] not in scenario.arms:
            arm = rest.partition(".")[0]
            yield Violation((key,), None, f"unknown arm '{arm}'{nearest(arm, scenario.arms)}")
        for other in overlapping(key, list(grid)[:place]):
            yield Violation((key,), None, f"cannot be varied beside {other}: one is a part of the other")
        if not isinstance(values, list) or not values:
            yield Violation((key,), values, "must have at least one value to vary over")
    if size > MOST_ARMS:
        yield Violation((" × ".join(grid),), None, f"gives {size:,} arms; at most {MOST_ARMS} are allowed: use a sweep")


def _concerned(scenario: Scenario, key: str, values: Sequence[Any], source: str) -> set[str]:
    """Return the arms that `key` affects. Raises ScenarioError if two of the values make the same runs."""
    section, _, rest = key.partition(".")
    changed = [scenario.override({key: value}, f"{source} with {key}") for value in values]
    dumps = [each.model_dump(mode="json") for each in changed]
    if section == "arms":
        arms = {rest.partition(".")[0]}
    else:
        arms = {
            name
            for name in scenario.arms
            if _differ([dump["arms"][name] for dump in dumps])
            or all(_same(at(dump["arms"][name], key), at(dump, key)) for dump in dumps)
        }
    for (one, before), (other, after) in itertools.combinations(zip(values, dumps, strict=True), 2):
        if _same(before["arms"], after["arms"]):
            told = f"{_told(one)} and {_told(other)} make the same runs"
            raise ScenarioError(source, [str(Violation((key,), None, told))])
    return arms


def _arm(scenario: Scenario, variant: Variant, base: Mapping[str, Any], source: str) -> Any:
    """Return the arm at its values, as the difference from `base`."""
    told = ", ".join(f"{key}={_told(value)}" for key, value in variant.values.items())
    changed = scenario.override(dict(variant.values), f"{source} with {told}")
    arm = changed.arms[variant.arm].model_dump(mode="json")
    return {"algorithm": arm.pop("algorithm"), **difference(arm, base)}


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Return the last parts of each key, as few as distinguish it from the others; a number is never alone."""
    short = {}
    for key in keys:
        parts = key.split(".")
        tails = [".".join(parts[-count:]) for count in range(1, len(parts) + 1)]
        alone = [
            tail
            for tail in tails
            if not tail.isdecimal() and sum(f".{other}".endswith(f".{tail}") for other in keys) == 1
        ]
        short[key] = alone[0] if alone else key
    return short


def _label(name: str, point: Mapping[str, Any]) -> str:
    """Return the name of an arm at these values."""
    return f"{name} ({told_values(point)})" if point else name


def told_values(point: Mapping[str, Any]) -> str:
    """Return the values as part of an arm's name, as in `factor=5, hidden=(8, 4)`."""
    told = ", ".join(f"{key}={_told(value)}" for key, value in point.items())
    return told.translate(str.maketrans("[]", "()"))


def _told(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_told(inner)}" for key, inner in value.items())
    return json.dumps(value, ensure_ascii=False)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same when written; .nan is."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _differ(values: Sequence[Any]) -> bool:
    return any(not _same(values[0], other) for other in values[1:])
