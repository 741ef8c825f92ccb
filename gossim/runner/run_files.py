"""The files of a run as it goes: each arm and seed as it ends, the tables now and then, and how everything ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import RunError
from ..files.atomic import undisturbed
from ..profiling import Stopwatch, Unwatched
from ..scenario.scenario import Scenario
from ..tables.columns import TABLES
from ..tables.parts import Part, RecordedTables
from ..tables.run_directory import RunDirectory
from . import manifest as provenance
from .pair import has_ended
from .recording import Key, Recording

WRITING = 9
"""The tables are written again at the earliest after this many times what writing them took."""


NEAR_S = 5.0
"""Seconds of wall time before the end of a run in which it is too late to look at its first seed alone."""


class RunFiles:
    """Writes what a run records into its directory. The manifest is the run's own, and says at its end how it ended.

    Args:
        store: The directory, which is reserved for this run.
        identity: What decides the run's numbers, as a digest.
        scenario: What is run.
        manifest: That of the run. Entries of arms and seeds that have ended are added to it by the run.
        recording: The tables, which are filled by the run.
        watch: The stopwatch of the run.
        first_seed_ended: Called once the tables hold all arms with the first seed, unless the end is near then.
    """

    def __init__(
        self,
        store: RunDirectory,
        identity: str,
        scenario: Scenario,
        manifest: dict[str, Any],
        recording: Recording,
        watch: Stopwatch | Unwatched,
        first_seed_ended: Callable[[], None] | None = None,
    ):
        self.store, self.parts = store, store.parts(identity)
        self.scenario, self.manifest, self.recording, self.watch = scenario, manifest, recording, watch
        self.first_seed_ended = first_seed_ended
        self._written = False  # whether the tables hold all that there is
        self._due_s = 0.0  # when the tables may be written again
        self._begun, self._begun_s, self._taken_up = False, time.monotonic(), 0

    def begin(self, go_on: bool) -> list[Key]:
        """Make the directory ready for a new run, or to go on with the same one, and return what of it has ended."""
        with self.watch.share("writing"), undisturbed():
            if go_on:
                self._take_up()
            else:
                self.store.begin(self.scenario, self.manifest, self.recording.pieces())
            self._begun = True
        return [(entry["arm"], entry["seed"]) for entry in self.manifest["runs"]]

    def _take_up(self) -> None:
        before = self.store.begun or {}
        for seed in self.scenario.seeds:
            for place, name in enumerate(self.scenario.arms):
                if part := self.parts.load(place, name, seed):
                    self.recording.end(name, seed, part.recorded, self.parts.ended(place, seed))
                    self.manifest["runs"].append(part.entry)
        self._taken_up = self.manifest["recorded"] = len(self.manifest["runs"])
        self.manifest["started"] = before.get("started") or self.manifest["started"]
        self.manifest["resumed"] = [*before.get("resumed", []), provenance.now()]
        self.store.go_on(self.manifest, self.recording.pieces())

    def keep(self, entry: dict[str, Any], recorded: RecordedTables) -> None:
        """Keep an arm and seed that have ended. Raises RunError where that is impossible."""
        name, seed = entry["arm"], entry["seed"]
        place = self.recording.order[name]
        with self._telling(), self.watch.share("writing"):
            self.parts.save(place, Part(entry, recorded))
        self.recording.end(name, seed, recorded, self.parts.ended(place, seed))

    def look(self) -> None:
        """Write the tables after arms and seeds have ended, unless that takes more than a tenth of the time."""
        begun_s = time.monotonic()
        tell = self._is_time_for_the_first_seed()
        if tell or begun_s >= self._due_s:
            self.write()
            self._due_s = time.monotonic() + WRITING * (time.monotonic() - begun_s)
        if tell and self.first_seed_ended:
            self.first_seed_ended()
            self.first_seed_ended = None

    def _is_time_for_the_first_seed(self) -> bool:
        runs, of_all = self.manifest["runs"], len(self.scenario.arms) * self.scenario.repeats
        if self.first_seed_ended is None or len(runs) == self._taken_up:
            return False
        if sum(entry["seed"] == self.scenario.seed for entry in runs) < len(self.scenario.arms):
            return False
        each_s = (time.monotonic() - self._begun_s) / (len(runs) - self._taken_up)
        return (of_all - len(runs)) * each_s > NEAR_S

    def write(self) -> None:
        """Write the tables and the manifest as they are now. Raises RunError where that is impossible: what was written
        before stands, and the manifest says no more than that."""
        with self._telling(), self.watch.share("writing"):
            runs = len(self.manifest["runs"])
            self._written = False
            self.store.write({**self.manifest, "recorded": runs}, self.recording.pieces())
            self.manifest["recorded"], self._written = runs, True

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Call `begin`, and write the tables however the block ends. If they are complete, what was kept for continuing
        is removed.
        """
        try:
            yield
        finally:
            with undisturbed():
                if self._begun:
                    self._end()

    def _end(self) -> None:
        self.write()
        runs = self.manifest["runs"]
        if len(runs) == len(self.scenario.arms) * self.scenario.repeats and all(map(has_ended, runs)):
            self.parts.clear()

    def tables(self) -> dict[str, Any]:
        """What has been recorded, once the run has ended: in memory, or of what is too long for that, on the disk."""
        if self._written and self.recording.is_long:
            return {name: self.store.table(name) for name in TABLES}
        return self.recording.tables()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Raise RunError where the block cannot write to the disk, and note it in the manifest if that can be."""
        try:
            yield
        except OSError as error:
            told = f"{self.store.path}: cannot be written: {error.strerror or error}"
            self.manifest |= {"status": "failed", "error": told}
            with suppress(OSError):
                self.store.write_manifest({**self.manifest, "runs": self.manifest["runs"][: self.manifest["recorded"]]})
            raise RunError(told) from None
