"""What a run recorded: its scenario, its manifest and its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from ..scenario.scenario import Scenario
from .columns import TABLES
from .stored_table import StoredTable


class Origin(NamedTuple):
    """Where an arm is from: the first run (0) or the second (1), and its name there."""

    place: int
    arm: str


def origins_of_one(scenario: Scenario) -> dict[str, Origin]:
    """Return the origins of the arms of one run, by name."""
    return {arm: Origin(0, arm) for arm in scenario.arms}


@dataclass(frozen=True, eq=False)
class RunData:
    """What a run recorded: its `scenario`, its `manifest`, and its tables as pandas DataFrames.

    `probes`, `workers`, `timeline`, `exchanges`, `activities`, `gaps` and `layers` are those of the run directory;
    `gossim.tables.columns` has the type, the unit and the meaning of each column. What was not asked for is empty.
    """

    scenario: Scenario
    manifest: dict[str, Any]
    probes: pd.DataFrame
    workers: pd.DataFrame
    timeline: pd.DataFrame
    exchanges: pd.DataFrame
    activities: pd.DataFrame
    gaps: pd.DataFrame
    layers: pd.DataFrame

    def pieces(self, table: str, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The rows of a table, with all columns or with these, and as many at a time as are in memory.

        Args:
            table: The name of the table.
            columns: The names of columns.
        """
        held: pd.DataFrame | StoredTable = vars(self)[table]
        if isinstance(held, StoredTable):
            yield from held.pieces(columns)
        else:
            yield held if columns is None else held[list(columns)]

    def pieces_of_run(
        self, table: str, arm: str, seed: int, columns: Sequence[str] | None = None
    ) -> Iterator[pd.DataFrame]:
        """The rows of a table that are of one arm with one seed, as many at a time as are in memory.

        Args:
            table: The name of the table.
            arm: The arm's name.
            seed: The seed.
            columns: The names of columns; all, where it is None.
        """
        wanted = None if columns is None else list(dict.fromkeys(["arm", "seed", *columns]))
        for piece in self.pieces(table, wanted):
            own = piece[(piece["arm"] == arm) & (piece["seed"] == seed)]
            yield own if columns is None else own[list(columns)]

    def of_run(self, table: str, arm: str, seed: int, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The same, all rows at once."""
        own = list(self.pieces_of_run(table, arm, seed, columns))
        return own[0] if len(own) == 1 else pd.concat(own, ignore_index=True)

    @property
    def runs(self) -> tuple[RunData, ...]:
        """This run, or the two that stand side by side."""
        return (self,)

    @property
    def origins(self) -> dict[str, Origin]:
        """Of each arm, the run that it is from and its name there."""
        return origins_of_one(self.scenario)


class Table:
    """A field with a table: a frame, or one that is read from the disk when it is first asked for."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, run: RunData | None, owner: type | None = None) -> Any:
        if run is None:
            return self
        held: pd.DataFrame | StoredTable = vars(run)[self.name]
        if isinstance(held, StoredTable):
            held = vars(run)[self.name] = held.frame()
        return held

    def __set__(self, run: RunData, value: pd.DataFrame | StoredTable) -> None:
        vars(run)[self.name] = value


for _name in TABLES:
    setattr(RunData, _name, Table(_name))
