"""What a run has recorded so far, row by row, and the tables that this makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..sim.world import World
from ..tables.columns import TABLES
from ..tables.frames import stacked, table
from ..tables.probe_rows import Observations, ProbeRows, Row, activities, exchanges


class Recording:
    """The rows of all tables, as the runs of the arms bring them."""

    def __init__(self, arms: Iterable[str]):
        self.order = {name: position for position, name in enumerate(arms)}
        self.observed: list[Observations] = []
        self.ended: dict[str, list[Row]] = {"timeline": [], "exchanges": [], "activities": []}

    def begin(self, arm: str, seed: int) -> Observations:
        """Begin a run. What its probes add to is returned."""
        observed = Observations(arm, seed)
        self.observed.append(observed)
        return observed

    def end(self, world: World, arm: str, seed: int) -> None:
        """Keep what the clock of a run knows when it stands still."""
        label = {"arm": arm, "seed": seed}
        self.ended["exchanges"] += [{**label, **row} for row in exchanges(world)]
        self.ended["activities"] += [{**label, **row} for row in activities(world)]
        self.ended["timeline"] += [{**label, **interval._asdict()} for interval in world.timeline.intervals]

    def tables(self) -> dict[str, Any]:
        """The tables by name, as DataFrames: arm by arm in the scenario's order, then seed by seed."""
        tables = {name: table(name, sorted(self._rows(name), key=self._place)) for name in TABLES if name != "workers"}
        observed = sorted(self.observed, key=lambda each: self._place(each.label))
        tables["workers"] = stacked("workers", [part for each in observed for part in each.workers()])
        return tables

    def _rows(self, name: str) -> Iterable[Row]:
        """The rows of a table, in the order in which they came."""
        if name in ProbeRows._fields:
            return (row for observed in self.observed for row in observed.rows(name))
        return self.ended[name]

    def _place(self, labelled: Mapping[str, Any]) -> tuple[int, int]:
        return self.order[labelled["arm"]], labelled["seed"]
