"""A mapping taken apart: what its arms share, and what each arm is; with all that is wrong, where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ScenarioError
from ..files.schema_version import RULE, other_version
from ..schema.violations import Violation, shown_name, violations
from ..settings import Settings
from .arm import Arm
from .overrides import merged_arm
from .shared import ARM_RULE, Shared, names_an_arm


def refuse_other_kinds(data: Any, source: str) -> None:
    """Raise ScenarioError for what is no scenario of this version, whatever its keys are."""
    if not isinstance(data, Mapping):
        raise ScenarioError(source, ["must be a mapping of keys to values, as `title: ...` makes one"])
    if (version := other_version(data)) is not None:  # its keys may mean something else
        raise ScenarioError(source, [str(Violation(("schema_version",), version, RULE))])
    if "sweep" in data:
        raise ScenarioError(source, ["sweep: describes many runs; use `gossim sweep`, or gossim.sweep in Python"])


def shared_and_arms(data: Mapping[str, Any], source: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what the arms of `data` share, and every arm by name with what it inherits.

    Raises:
        ScenarioError: With all that is wrong with them.
    """
    shared = {key: value for key, value in data.items() if key != "arms"}
    wrong = violations(Shared, shared)
    known = {(each.path, each.rule) for each in wrong}
    arms = data.get("arms")
    if not isinstance(arms, Mapping) or not arms:
        shown = arms if "arms" in data else None
        wrong.append(Violation(("arms",), shown, "must be a mapping with at least one arm, `name: {algorithm: ...}`"))
        arms = {}
    sections = {key: value for key, value in shared.items() if key in Settings.model_fields}
    merged = {}
    for name, own in arms.items():
        if (misfit := _misfit(name, own)) is not None:
            wrong.append(misfit)
            continue
        merged[str(name)] = merged_arm(sections, own)
        # What an arm inherits was checked above, and is reported once, where it stands.
        wrong += [each for each in _wrong_in(str(name), merged[str(name)]) if (each.path[2:], each.rule) not in known]
    if wrong:
        raise ScenarioError(source, [str(each) for each in wrong])
    if shared.get("trace") is not None and not any(Arm.model_validate(arm).uses_trace for arm in merged.values()):
        rule = "is not used: write `trace` for compute.time_s, network.bandwidth_bytes_per_s or both"
        raise ScenarioError(source, [str(Violation(("trace",), shared["trace"], rule))])
    return shared, merged


def _misfit(name: Any, own: Any) -> Violation | None:
    """Return what keeps an entry of `arms` from being an arm at all."""
    if not names_an_arm(name):
        return Violation(("arms", shown_name(name)), None, ARM_RULE)
    if not isinstance(own, Mapping):
        return Violation(("arms", str(name)), own, "must be a mapping with an `algorithm`")
    return None


def _wrong_in(name: str, arm: Any) -> Iterator[Violation]:
    for each in violations(Arm, arm):
        yield each._replace(path=("arms", name, *each.path))
