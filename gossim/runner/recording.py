"""What a run has recorded so far, arm by arm and seed by seed, and the tables that this makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..sim.world import World
from ..tables.columns import TABLES
from ..tables.frames import joined, stacked, table, with_metrics
from ..tables.probe_rows import Observations, Row, activities, exchanges

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, int]
"""An arm's name and a seed."""

Frames = dict[str, "pd.DataFrame"]
"""Tables by their names."""

PROBED = ("probes", "gaps", "layers")
"""Tables to which each probe adds rows, beside that of the workers."""


class PairRecord:
    """What one arm with one seed adds to the tables.

    Args:
        arm: The arm's name.
        seed: The seed.
        earlier: What it recorded before it was cut off, if it goes on.
    """

    def __init__(self, arm: str, seed: int, earlier: Mapping[str, pd.DataFrame] | None = None):
        self.observed = Observations(arm, seed)
        self.earlier = dict(earlier or {})
        self.ended: dict[str, list[Row]] = {"timeline": [], "exchanges": [], "activities": []}

    def end(self, world: World) -> None:
        """Take over the tables of an arm with a seed that has ended."""
        label = self.observed.label
        self.ended["exchanges"] = [{**label, **row} for row in exchanges(world)]
        self.ended["activities"] = [{**label, **row} for row in activities(world)]
        self.ended["timeline"] = [{**label, **interval._asdict()} for interval in world.timeline.intervals]

    def probed(self) -> Frames:
        """Return the tables to which probes add rows, as far as they have come."""
        seen = self.observed.seen.copy()  # Ctrl-C may come at any time, and no table may have a probe more
        frames = {name: table(name, [row for rows in seen for row in getattr(rows, name)]) for name in PROBED}
        frames["workers"] = stacked("workers", [rows.workers for rows in seen])
        return {name: joined(name, [self.earlier[name], new]) if self.earlier else new for name, new in frames.items()}

    def frames(self) -> Frames:
        """Return all tables, as far as they have come."""
        return {**self.probed(), **{name: table(name, rows) for name, rows in self.ended.items()}}


class Recording:
    """The tables of all arms and seeds, those that have ended and the present one.

    Args:
        arms: The names of the arms, in order.
        metrics: The columns of `probes` that not every run has.
    """

    def __init__(self, arms: Iterable[str], metrics: Sequence[str] = ()):
        self.metrics = metrics
        self.order = {name: position for position, name in enumerate(arms)}
        self.pairs: dict[Key, PairRecord | Frames] = {}

    def begin(self, arm: str, seed: int, earlier: Mapping[str, pd.DataFrame] | None = None) -> PairRecord:
        """Begin an arm with a seed. What it records goes into what is returned."""
        record = self.pairs[arm, seed] = PairRecord(arm, seed, earlier)
        return record

    def end(self, arm: str, seed: int, frames: Frames) -> None:
        """Take over the tables of an arm with a seed that has ended."""
        self.pairs[arm, seed] = frames

    def ended(self, arm: str, seed: int) -> Frames:
        """Return the tables of an arm with a seed that has ended."""
        frames = self.pairs[arm, seed]
        assert isinstance(frames, dict)
        return frames

    def tables(self) -> dict[str, Any]:
        """Return the tables by name as DataFrames, in the scenario's order of arms, then by seed."""
        keys = sorted(self.pairs, key=lambda key: (self.order[key[0]], key[1]))
        pairs = [pair.frames() if isinstance(pair, PairRecord) else pair for pair in map(self.pairs.get, keys) if pair]
        tables = {name: joined(name, [frames[name] for frames in pairs]) for name in TABLES}
        return {**tables, "probes": with_metrics(tables["probes"], self.metrics)}
