"""What to do where the run directory of a run holds one already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ..errors import InputError
from ..scenario.scenario import Scenario
from ..tables.run_directory import RunDirectory
from .identity import Identity, told_changes
from .pair import has_ended

Earlier = Literal["none", "unfinished", "finished"]


def earlier(store: RunDirectory, scenario: Scenario, identity: Identity, force: bool = False) -> Earlier:
    """Say what `store` holds of the run that is asked for.

    Args:
        store: The run directory.
        scenario: What is asked for.
        identity: What decides its numbers.
        force: Whether to begin anew, whatever is there.

    Returns:
        `finished` if all of it is there, `unfinished` if it can go on, `none` if it is to begin.

    Raises:
        InputError: If another run is there, whose tables would be lost.
    """
    manifest = None if force else store.begun
    if manifest is None:
        return "none"
    if changes := identity.changes(Identity.stored(store, manifest)):
        if not _is_worth_keeping(store, manifest):
            return "none"
        what = "a complete run" if manifest["status"] == "complete" else "an unfinished run"
        raise InputError(
            f"{store.path}: holds {what}; replace it with --force or choose another with --out; "
            f"what you ask for differs: {told_changes(changes)}"
        )
    return "finished" if _is_finished(manifest, scenario) else "unfinished"


def _is_worth_keeping(store: RunDirectory, manifest: Mapping[str, Any]) -> bool:
    """Return whether anything has ended well, or can be continued."""
    good = any(entry["status"] in ("complete", "interrupted") for entry in manifest["runs"])
    return good or store.parts("").any()


def _is_finished(manifest: Mapping[str, Any], scenario: Scenario) -> bool:
    """Return whether every arm and seed has ended and is in the tables."""
    runs = manifest["runs"]
    ended = {(entry["arm"], entry["seed"]) for entry in runs if has_ended(entry)}
    if manifest["status"] == "running" or manifest.get("recorded", len(runs)) != len(runs):
        return False
    return len(ended) == len(scenario.arms) * scenario.repeats
