"""The manifest of a run directory, looked at before anything in it is believed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AllowInfNan, ConfigDict

from ..errors import InputError
from ..files.schema_version import RULE, SCHEMA_VERSION, other_version
from ..schema.fields import AS_TUPLE, Frozen
from ..schema.violations import violations

Status = Literal["running", "complete", "interrupted", "failed"]

Texts = dict[str, str]
Number = Annotated[float, AllowInfNan(True)]


class Entry(Frozen):
    """How one arm with one seed ended. Later versions may add keys."""

    model_config = ConfigDict(extra="allow")

    arm: str
    seed: int
    status: Literal["complete", "diverged", "failed", "interrupted"]
    error: str | None = None
    staleness_steps: Number | None = None
    staleness_s: Number | None = None
    messages_lost: Number | None = None
    messages_per_step: Number | None = None


class Manifest(Frozen):
    """What must be in `manifest.json`, and the types of what may be.

    `recorded`: of how many `runs` the tables hold the rows; null while a run begins and tables of an earlier one may
    still be there.
    """

    model_config = ConfigDict(extra="allow")

    schema_version: int = SCHEMA_VERSION
    status: Status
    runs: Annotated[tuple[Entry, ...], AS_TUPLE]
    recorded: int | None = None
    command: Annotated[tuple[str, ...], AS_TUPLE] = ()
    seed: int | None = None
    repeats: int | None = None
    device: str | None = None
    device_name: str | None = None
    started: str | None = None
    ended: str | None = None
    error: str | None = None
    figures_drawn: bool | None = None
    failed_in: Literal["figures"] | None = None
    inputs: Texts | None = None
    versions: Texts | None = None
    platform: str | None = None


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        InputError: If it is invalid, with everything that is wrong with it.
    """
    data = _json(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be a mapping of keys to values")
    wrong = [str(problem) for problem in violations(Manifest, data)]
    if not wrong:
        counts = Counter((entry["arm"], entry["seed"]) for entry in data["runs"])
        wrong = [f"runs: has arm '{arm}' with seed {seed} twice" for (arm, seed), n in counts.items() if n > 1]
    if wrong:
        raise InputError("\n  ".join([f"{path}: is damaged", *wrong]))
    return data


def status(path: Path) -> str | None:
    """Return the status of the run in that manifest; None if it is no manifest."""
    try:
        found = _json(path)["status"]
    except (InputError, KeyError, TypeError):
        return None
    return found if found in Status.__args__ else None  # type: ignore[attr-defined]


def refuse_other_version(path: Path) -> None:
    """Check the version of a manifest, whatever else is in it.

    Raises:
        InputError: If it is another version's.
    """
    try:
        data = _json(path)
    except InputError:
        return
    if isinstance(data, dict) and (version := other_version(data)) is not None:
        raise InputError(f"{path}: schema_version = {version}: {RULE}")


def strangers(data: dict[str, Any], arms: Iterable[str], seeds: range) -> list[str]:
    """Return what a manifest says of runs that a scenario with these arms and seeds does not have."""
    known = set(arms)
    odd = [(entry["arm"], entry["seed"]) for entry in data["runs"]]
    return [f"arm {arm!r} with seed {seed}" for arm, seed in odd if arm not in known or seed not in seeds]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise InputError(f"{path}: cannot be read: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
