"""Scenarios as the mappings that files hold: arms laid over what they share, and changes by dotted path."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ScenarioError
from ..optimizers import sgd_unless_named
from ..schema.violations import short


def merged_arm(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of an arm: `shared`, changed by the arm's own.

    An arm with fewer workers keeps the first of them, and of the shared stragglers and faults those among these.
    """
    if "optimizer" in shared:  # said in words, for an arm may name another
        shared = {**shared, "optimizer": sgd_unless_named(shared["optimizer"])}
    arm = _merge(shared, own)
    workers = arm.get("workers")
    if "workers" not in own or type(workers) not in (int, float):  # 1e3 is one that is whole
        return arm
    compute, own_compute = arm.get("compute"), own.get("compute")
    inherits = not (isinstance(own_compute, Mapping) and "stragglers" in own_compute)
    if inherits and isinstance(compute, Mapping) and "stragglers" in compute:
        arm["compute"] = {**compute, "stragglers": _present(compute["stragglers"], workers)}
    if "faults" in arm and "faults" not in own:
        arm["faults"] = _present(arm["faults"], workers)
    return arm


def _present(rules: Any, workers: float) -> Any:
    """Return `rules` without absent workers. Malformed rules are left for validation to refuse."""
    if not isinstance(rules, list):
        return rules
    present = []
    for rule in rules:
        if isinstance(rule, Mapping) and isinstance(rule.get("workers"), list):
            left = [worker for worker in rule["workers"] if not (type(worker) in (int, float) and worker >= workers)]
            present.append({**rule, "workers": left})  # kept even if empty: its place names its random numbers
        else:
            present.append(rule)
    return present


_KIND = ("name", "distribution")
"""The keys whose value says what a mapping describes."""

_MEMBERS = ("distribution", "matrix", "regions")
"""The keys that say it by being there."""


def _merge(base: Any, own: Any) -> Any:
    """Merge `own` into `base`, mapping by mapping. A mapping that describes another thing replaces the old one."""
    if not (isinstance(base, Mapping) and isinstance(own, Mapping)):
        return own
    if any(key in own and own[key] != base.get(key) for key in _KIND):
        return own
    if any((key in own) != (key in base) for key in _MEMBERS) and any(key in own for key in _MEMBERS):
        return own
    return {**base, **{key: _merge(base.get(key), value) for key, value in own.items()}}


def difference(arm: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the smallest mapping with which `_merge` turns `base` into `arm`."""
    changed = {}
    for key, value in arm.items():
        old = base.get(key)
        if value == old:
            continue
        if isinstance(value, Mapping) and isinstance(old, Mapping) and _merge(old, difference(value, old)) == value:
            value = difference(value, old)
        changed[key] = value
    return changed


def put(data: Any, path: str, value: Any, source: str) -> None:
    """Put `value` at the dotted `path`, whose numbers count list items."""
    *way, last = path.split(".")
    here = data
    for part in way:
        if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            inner = here[int(part)]
        elif isinstance(here, dict):
            inner = here[part] = {} if here.get(part) is None else here[part]
        else:
            raise ScenarioError(source, [f"{path}: there is no '{part}' to change"])
        if not isinstance(inner, dict | list):
            rule = f"'{part}' is {short(inner)}, which has no parts; set it as a whole"
            raise ScenarioError(source, [f"{path} = {short(value)}: {rule}"])
        here = inner
    if isinstance(here, list):
        if not (last.isdecimal() and int(last) < len(here)):
            raise ScenarioError(source, [f"{path}: the list has no item '{last}'"])
        here[int(last)] = value
    else:
        here[last] = value


def at(data: Any, path: str) -> Any:
    """Return the value at the dotted `path`, or None if there is no value."""
    for part in path.split("."):
        if isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            data = data.get(part) if isinstance(data, Mapping) else None
    return data


def overlapping(key: str, keys: Iterable[Any]) -> list[str]:
    """Return those of `keys` that set `key`, a part of it, or something that contains it."""
    texts = [other for other in keys if isinstance(other, str)]
    return [other for other in texts if f"{other}.".startswith(f"{key}.") or f"{key}.".startswith(f"{other}.")]


def plain(value: Any) -> Any:
    """Return `value` with numpy's numbers and arrays as Python's own."""
    if hasattr(value, "tolist"):  # not by their types: a file has none, and need not wait for numpy
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else copy.deepcopy(value)
