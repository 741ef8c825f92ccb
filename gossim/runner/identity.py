"""What decides the numbers of a run, and what has changed since another one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..files.trust import Trust, trusting
from ..scenario.scenario import Scenario, load
from ..schema.violations import short
from ..tables.run_directory import RunDirectory
from .input_hashes import inputs
from .manifest import versions

MANY = 5
"""Changes that are named one by one."""


class Identity(NamedTuple):
    """Two runs with the same identity have the same tables.

    `scenario` is the scenario as resolved, `inputs` the digests of the files that it names, `versions` those of the
    packages; `learns` says whether there are gradients, and `executor` by what they are carried out. How a run is
    carried out besides, with how many processes or how often it is saved, decides nothing.
    """

    scenario: Mapping[str, Any]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    learns: bool
    executor: str

    @classmethod
    def of(cls, scenario: Scenario, gradients: bool = True, executor: str = "batched") -> Identity:
        """Return the identity of a run of `scenario` that would begin now."""
        learns = gradients and any(arm.problem is not None for arm in scenario.arms.values())
        return cls(scenario.to_data(), inputs(scenario), versions(), learns, executor)

    @classmethod
    def stored(cls, store: RunDirectory, manifest: Mapping[str, Any]) -> Identity:
        """Return the identity of the run in `store`, as its manifest states it. Nothing that its scenario names is
        imported or opened. Raises InputError.
        """
        with trusting(Trust(imports=False, files=False)):
            scenario = load(store.own("scenario.yaml"))
        learns = manifest.get("device", "none") != "none"
        executor = manifest.get("executor", "batched")
        return cls(scenario.to_data(), manifest.get("inputs", {}), manifest.get("versions", {}), learns, executor)

    def digest(self, device: str) -> str:
        """Return a text that differs for every other identity and kind of device."""
        return hashlib.sha256(json.dumps([*self, device], sort_keys=True).encode()).hexdigest()

    def changes(self, before: Identity) -> list[str]:
        """Describe what has changed, key by key."""
        found = [*_differences(before.scenario, self.scenario)]
        if before.learns != self.learns:
            found.append(f"there are {'gradients' if self.learns else 'no gradients'} now")
        if before.executor != self.executor:
            found.append(f"executor was {before.executor} and is {self.executor}")
        for file in sorted({*before.inputs, *self.inputs}):
            if before.inputs.get(file) != self.inputs.get(file):
                found.append(f"the file {file} is another")
        found += [f"version of {change}" for change in _differences(before.versions, self.versions)]
        return found


def told_changes(changes: list[str]) -> str:
    """Return the first change on one line, and how many more there are."""
    more = f"; and {len(changes) - MANY} more" if len(changes) > MANY else ""
    return "; ".join(changes[:MANY]) + more


def _differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Return each key below which two values differ, with both values."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            inner = f"{path}.{key}" if path else str(key)
            if key not in now:
                yield f"{inner} was {short(before[key])} and is gone"
            elif key not in before:
                yield f"{inner} is {short(now[key])} and was not there"
            else:
                yield from _differences(before[key], now[key], inner)
    elif json.dumps(before) != json.dumps(now):  # .nan is the same as .nan
        yield f"{path} was {short(before)} and is {short(now)}"
