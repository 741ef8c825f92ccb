"""Whether a clock that has run again has done what the tables of a run hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..sim.probe_facts import Facts
from ..sim.world import World
from ..tables.columns import LATER
from ..tables.probe_rows import Observations, activities, exchanges
from ..tables.run_data import RunData

if TYPE_CHECKING:
    import pandas as pd

RecordedRun = dict[str, Any]
"""The tables that the clock fills, pandas' DataFrames, by name; of those with rows for each probe the last."""

NUMERIC = {"consensus_distance", "consensus_max", "distance", "train_loss", "test_loss", "test_accuracy"}
"""Columns of these that need parameters."""

UNENDED = {"diverged": "diverged", "failed": "failed", "interrupted": "was interrupted"}


def recorded(world: World, last: Facts) -> RecordedRun:
    """Return what a clock that came to its end knows: its last probe, the exchanges and the activities."""
    from ..tables.frames import stacked, table

    observed = Observations("", world.context.seed)
    observed.add(last)
    return {
        "probes": table("probes", observed.rows("probes")),
        "workers": stacked("workers", observed.workers()),
        "exchanges": table("exchanges", [observed.label | row for row in exchanges(world)]),
        "activities": table("activities", [observed.label | row for row in activities(world)]),
    }


def why_unended(results: RunData, name: str, seed: int) -> str | None:
    """Return why arm `name` with that seed did not come to its end; None if it did."""
    for entry in results.manifest["runs"]:
        if (entry["arm"], entry["seed"]) == (name, seed):
            status = entry["status"]
            return None if status == "complete" else f"its run {UNENDED.get(status, 'has not ended')}"
    return "it has not been run"


def require_repeated(results: RunData, name: str, seed: int, again: RecordedRun) -> None:
    """Check that a clock repeats what a run recorded. Columns that an earlier version did not write are passed over.

    Raises:
        InputError: If it does not, naming the columns.
    """
    for which, mine in again.items():
        own = results.of_run(which, name, seed)
        if which in (
            "probes",
            "workers",
        ):  # of the tables with a row, or a row for each worker, for each probe: the last
            own = own.iloc[-len(mine) :]
        elif own.empty:
            continue
        unrecorded = {column for column in LATER.get(which, ()) if own[column].isna().all()}
        if different := _different(mine.drop(columns=list(unrecorded)), own):
            columns = ", ".join(f"'{column}'" for column in different)
            raise InputError(
                f"arm '{name}', seed {seed}: its clock does not repeat the run; has a file changed, or a version? "
                f"It differs in {columns} of {which}"
            )


def _different(mine: pd.DataFrame, own: pd.DataFrame) -> list[str]:
    theirs = own.reset_index(drop=True)
    known = [column for column in mine.columns if column not in {"arm", "seed", *NUMERIC}]
    return [column for column in known if not mine[column].equals(theirs[column])]
