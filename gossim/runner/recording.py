"""What a run has recorded so far, arm by arm and seed by seed, and the tables that this makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sim.world import World
from ..tables.columns import TABLES
from ..tables.frames import joined, stacked, table, with_metrics
from ..tables.parts import PROBED, Frames, Parts, RecordedTables, TablePiece
from ..tables.pieces import PIECE_ROWS
from ..tables.probe_rows import Observations, ProbeRows, Row, activities, exchanges

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, int]
"""An arm's name and a seed."""

IN_MEMORY_ROWS = 4 * PIECE_ROWS
"""Of arms and seeds that have ended and are kept on the disk, as many rows are in memory besides."""


class Stand(NamedTuple):
    """What probes have recorded of an arm with a seed: rows in `pieces` on the disk, then those that a checkpoint kept,
    then those of the probes `seen` since."""

    pieces: tuple[TablePiece, ...]
    earlier: Frames
    seen: list[ProbeRows]


class PairRecord:
    """What one arm with one seed adds to the tables.

    Args:
        arm: The arm's name.
        seed: The seed.
        parts: Where its rows go, some thousand at a time; None if they are to be in memory.
        place: The place of the arm in the scenario.
    """

    def __init__(self, arm: str, seed: int, parts: Parts | None = None, place: int = 0):
        self.observed = Observations(arm, seed)
        self.parts, self.place, self.seed = parts, place, seed
        self.ended: dict[str, list[Row]] = {"timeline": [], "exchanges": [], "activities": []}
        self._stand = Stand((), {}, self.observed.seen)
        self._most = PIECE_ROWS

    def take_up(self, pieces: tuple[TablePiece, ...], earlier: Frames) -> None:
        """Go on from what was recorded before it was cut off."""
        self._stand = Stand(pieces, earlier, self.observed.seen)
        self.observed.rows_seen = sum(map(len, earlier.values()))

    def is_long(self) -> bool:
        """Whether it is time to `put_away` rows."""
        return self.parts is not None and self.observed.rows_seen >= self._most

    def put_away(self) -> None:
        """Bring what probes have recorded to the disk. Where that is full, it stays in memory for now."""
        assert self.parts is not None
        pieces = self._stand.pieces
        try:
            piece = self.parts.save_piece(self.place, self.seed, len(pieces), self._in_memory(self._stand))
        except OSError:
            self._most *= 2
            return
        self.observed.forget()
        self._stand = Stand((*pieces, piece), {}, self.observed.seen)  # at once, whenever Ctrl-C comes

    def end(self, world: World) -> None:
        """Take over the tables of an arm with a seed that has ended."""
        label = self.observed.label
        self.ended["exchanges"] = [{**label, **row} for row in exchanges(world)]
        self.ended["activities"] = [{**label, **row} for row in activities(world)]
        self.ended["timeline"] = [{**label, **interval._asdict()} for interval in world.timeline.intervals]

    def probed(self) -> RecordedTables:
        """Return the tables to which probes add rows, as far as they have come."""
        stand = self._stand
        return RecordedTables(stand.pieces, self._in_memory(stand))

    def recorded(self) -> RecordedTables:
        """Return all tables, as far as they have come."""
        pieces, probed = self.probed()
        return RecordedTables(pieces, {**probed, **{name: table(name, rows) for name, rows in self.ended.items()}})

    @staticmethod
    def _in_memory(stand: Stand) -> Frames:
        seen = stand.seen.copy()  # Ctrl-C may come at any time, and no table may have a probe more
        new = {
            name: stacked(name, [rows.workers for rows in seen])
            if name == "workers"
            else table(name, [row for rows in seen for row in getattr(rows, name)])
            for name in PROBED
        }
        return {name: joined(name, [stand.earlier[name], rows]) for name, rows in new.items()} if stand.earlier else new


class Recording:
    """The tables of all arms and seeds, those that have ended and the present one.

    Args:
        arms: The names of the arms, in order.
        metrics: The columns of `probes` that not every run has.
    """

    def __init__(self, arms: Iterable[str], metrics: Sequence[str] = ()):
        self.metrics = metrics
        self.order = {name: position for position, name in enumerate(arms)}
        self.pairs: dict[Key, PairRecord | RecordedTables] = {}
        self.rows = 0  # of those that have ended, in memory

    def begin(self, arm: str, seed: int, parts: Parts | None = None) -> PairRecord:
        """Begin an arm with a seed. What it records goes into what is returned, and long tables to `parts`."""
        record = self.pairs[arm, seed] = PairRecord(arm, seed, parts, self.order[arm])
        return record

    def end(self, arm: str, seed: int, recorded: RecordedTables, kept: TablePiece | None = None) -> None:
        """Take over the tables of an arm with a seed that has ended; `kept` is their file, if there is one."""
        rows = sum(map(len, recorded.frames.values()))
        if kept is not None and self.rows + rows > IN_MEMORY_ROWS:
            recorded = RecordedTables((*recorded.pieces, kept), {})
        else:
            self.rows += rows
        self.pairs[arm, seed] = recorded

    @property
    def is_long(self) -> bool:
        """Whether some of it is on the disk alone."""
        return any(pair.pieces for pair in self._recorded())

    def pieces(self) -> dict[str, Iterator[pd.DataFrame]]:
        """Return the rows of each table, some at a time, in the scenario's order of arms, then by seed."""
        pairs = self._recorded()
        return {name: self._pieces(name, pairs) for name in TABLES}

    def _recorded(self) -> list[RecordedTables]:
        each = [self.pairs[key] for key in sorted(self.pairs, key=lambda key: (self.order[key[0]], key[1]))]
        return [pair.recorded() if isinstance(pair, PairRecord) else pair for pair in each]

    def _pieces(self, name: str, pairs: Sequence[RecordedTables]) -> Iterator[pd.DataFrame]:
        for frame in (frame for pair in pairs or [NOTHING] for frame in pair.of(name)):
            yield with_metrics(frame, self.metrics) if name == "probes" else frame

    def tables(self) -> dict[str, Any]:
        """Return the tables by name as DataFrames, in the scenario's order of arms, then by seed."""
        return {name: joined(name, list(pieces)) for name, pieces in self.pieces().items()}


NOTHING = RecordedTables((), {name: table(name, []) for name in TABLES})
"""What nobody has recorded yet."""
