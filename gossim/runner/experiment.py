"""An experiment: every arm of a scenario with every seed, through both planes, into tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import InputError, RunError, told
from ..estimates.limits import refuse_the_impossible
from ..profiling import Stopwatch, Unwatched
from ..results import Results
from ..scenario.derived import message_bytes, steps_limit
from ..scenario.scenario import Scenario
from ..tables.parts import Parts
from ..tables.run_directory import RunDirectory
from . import manifest as provenance
from .away_pairs import ended_away
from .checkpoint import Checkpoints
from .cores import cores
from .elsewhere import Elsewhere, Home
from .identity import Identity
from .pair import PairRunner, numeric, planes_of
from .pair_processes import Work, side_by_side
from .progress import NoProgress, Progress
from .recording import Key, Recording
from .run_files import RunFiles

CHECKPOINT_EVERY_S = 60.0
"""Seconds of wall time after which an arm with a seed keeps where it stands, unless it is said otherwise."""


class Experiment:
    """A scenario ready to run: everything that can be refused has been refused, and nothing was written.

    Without `gradients`, or where the scenario says `problem: none`, the clock runs alone. Without `limits`, what needs
    more memory than there is, or more work than anybody waits for, is not refused. Where tables are `stored`, long ones
    need no memory.
    """

    def __init__(
        self,
        scenario: Scenario,
        device: str | None = None,
        executor: str = "batched",
        gradients: bool = True,
        stopwatch: Stopwatch | None = None,
        limits: bool = True,
        stored: bool = False,
    ):
        self.watch = Unwatched() if stopwatch is None else stopwatch
        self.scenario = asked_for(scenario, device)
        if limits:
            refuse_the_impossible(self.scenario, gradients, stored)
        arms = self.scenario.arms
        self.executor, self.gradients = executor, gradients
        self.planes = planes_of(self.scenario, executor, gradients, stopwatch)
        plane = numeric(self.planes)
        for name, arm in arms.items():
            with _naming(name):
                self.planes[name].check(arm, self.scenario.seeds)
                message_bytes(arm)
        self.recording = Recording(arms, self.scenario.metric_columns)
        self.runner = PairRunner(self.scenario, self.planes, self.watch)
        self.identity = Identity.of(self.scenario, gradients, executor)
        self.files: RunFiles | None = None
        self.manifest = provenance.manifest(
            sys.argv,
            plane.device,
            plane.device_name,
            self.scenario.seed,
            self.scenario.repeats,
            self.identity.inputs,
        ) | {"executor": executor}

    def run(
        self,
        store: RunDirectory | None = None,
        progress: Progress | None = None,
        *,
        go_on: bool = False,
        jobs: int = 1,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        first_seed_ended: Callable[[], None] | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> Results:
        """Run everything. However it ends, what was recorded is in `store`, and its manifest says how each arm and
        seed ended.

        Args:
            store: Where to write, as arms and seeds end.
            progress: Called as the run goes.
            go_on: Whether to go on with the same run in `store`, which is unfinished, rather than to begin anew.
            jobs: How many arms and seeds run side by side, in processes. It decides no number.
            checkpoint_every_s: Seconds of wall time after which an arm with a seed keeps where it stands.
            first_seed_ended: Called once the tables in `store` hold all arms with the first seed, if the end is not
                near then.
            elsewhere: A cluster on which arms and seeds run, in place of processes here. What ends too early there is
                begun anew.

        Returns:
            What the run recorded.

        Raises:
            RunError: At the end if an arm diverged or broke; as soon as `store` cannot be written.
            InputError: If somebody else is writing in `store`.
        """
        progress = progress or NoProgress()
        with store.reserved() if store else nullcontext():
            files = self.files = self._files(store, first_seed_ended) if store else None
            with files.ending() if files else nullcontext(), self._saying_how_it_ends():
                for key in files.begin(go_on) if files else ():
                    progress.kept(*key)
                if elsewhere and self._todo():
                    self._run_elsewhere(files, progress, elsewhere)
                elif min(jobs, len(self._todo())) > 1:
                    self._run_side_by_side(files, progress, jobs, checkpoint_every_s)
                for key in self._todo():
                    self._run_arm(key, files, progress, checkpoint_every_s)
                if errors := [entry["error"] for entry in self.manifest["runs"] if "error" in entry]:
                    raise RunError("\n".join(errors))
        return self.results()

    def results(self) -> Results:
        """Return what has been recorded so far, arm by arm. Long tables on the disk are read on demand."""
        tables = self.files.tables() if self.files else self.recording.tables()
        return Results(scenario=self.scenario, manifest=self.manifest, **tables)

    def _files(self, store: RunDirectory, first_seed_ended: Callable[[], None] | None) -> RunFiles:
        digest = self.identity.digest(self.manifest["device"])
        return RunFiles(store, digest, self.scenario, self.manifest, self.recording, self.watch, first_seed_ended)

    def _todo(self) -> list[Key]:
        """Return the arms and seeds that have not ended, in the order in which they are run."""
        ended = {(entry["arm"], entry["seed"]) for entry in self.manifest["runs"]}
        every = [(name, seed) for seed in self.scenario.seeds for name in self.scenario.arms]
        return [key for key in every if key not in ended]

    def _run_arm(self, key: Key, files: RunFiles | None, progress: Progress, every_s: float) -> None:
        """Run one arm with one seed. Its entry in the manifest says how it ended."""
        name, seed = key
        arm, record = self.scenario.arms[name], self.recording.begin(name, seed, files.parts if files else None)
        saved = Checkpoints(files.parts, self.recording.order[name], name, seed, every_s) if files else None
        progress.arm(name, seed, arm, steps_limit(arm))
        entry: dict[str, Any] = {"arm": name, "seed": seed, "status": "failed"}
        self.manifest["runs"].append(entry)
        try:
            self.runner.run(record, entry, progress, saved)
        finally:
            progress.done(entry.get("error"))
        if files and saved:
            files.keep(entry, record.recorded())
        else:
            self.recording.end(name, seed, record.recorded())
        _warn(progress, entry)
        if files and saved:
            files.look()
            saved.clear()

    def _run_side_by_side(self, files: RunFiles | None, progress: Progress, jobs: int, every_s: float) -> None:
        """Run all that has not ended in processes of their own. Raises RunError if one of them dies."""
        todo = self._todo()
        jobs = min(jobs, len(todo))
        with self._parts(files) as parts:
            work = self._work(parts, max(1, cores() // jobs), every_s if files else None)
            with closing(side_by_side(work, todo, jobs)) as heartbeats:
                again: set[int] = set()
                for begun, over in heartbeats:
                    for place, time_s, steps, resumed_after_s in begun:
                        if todo[place] in self.recording.pairs:
                            continue  # has ended
                        name, seed = todo[place]
                        progress.arm(name, seed, self.scenario.arms[name], steps_limit(self.scenario.arms[name]))
                        if resumed_after_s and place not in again:
                            again.add(place)
                            progress.resumed(time_s, steps, resumed_after_s)
                        progress.advance(time_s, steps)
                    for place in over:
                        self._take(parts, todo[place], progress, lasts=files is not None)
                    if over and files:
                        files.look()

    def _run_elsewhere(self, files: RunFiles | None, progress: Progress, elsewhere: Elsewhere) -> None:
        """Run all that has not ended on a cluster. Raises InputError or RunError if that cannot be done."""
        todo, home = self._todo(), Home.of(self.identity, self.manifest["device"])
        with self._parts(files) as parts:
            work = self._work(parts, 1, None)
            with closing(ended_away(elsewhere, work, home, todo, parts, self.recording.order)) as heartbeats:
                for over in heartbeats:
                    for place in over:
                        self._take(parts, todo[place], progress, lasts=files is not None)
                    if over and files:
                        files.look()

    @contextmanager
    def _parts(self, files: RunFiles | None) -> Iterator[Parts]:
        """Where arms and seeds that ran in other processes are kept: in the run directory, if there is one."""
        with nullcontext() if files else TemporaryDirectory(prefix="gossim-") as folder:
            yield files.parts if files else Parts(Path(str(folder)), "", lasting=False)

    def _work(self, parts: Parts, threads: int, every_s: float | None) -> Work:
        """What each process is given."""
        return Work(
            self.scenario.to_data(),
            self.executor,
            self.gradients,
            str(parts.folder),
            parts.identity,
            parts.lasting,
            threads,
            every_s,
        )

    def _take(self, parts: Parts, key: Key, progress: Progress, lasts: bool) -> None:
        """Take what another process recorded of an arm with a seed, whose file `lasts` until all have ended. Raises
        RunError if it is not there.
        """
        name, seed = key
        part = parts.load(self.recording.order[name], name, seed)
        if part is None:
            raise RunError(f"{parts.folder}: what arm '{name}' with seed {seed} recorded is gone")
        progress.arm(name, seed, self.scenario.arms[name], steps_limit(self.scenario.arms[name]))
        probes = part.recorded.frames["probes"]
        if len(probes):
            progress.advance(float(probes.iloc[-1]["time_s"]), int(probes.iloc[-1]["gradient_steps"]))
        kept = parts.ended(self.recording.order[name], seed) if lasts else None
        self.recording.end(name, seed, part.recorded, kept)
        self.manifest["runs"].append(part.entry)
        progress.done(part.entry.get("error"))
        _warn(progress, part.entry)

    @contextmanager
    def _saying_how_it_ends(self) -> Iterator[None]:
        """Record in the manifest how the block ends."""
        try:
            yield
        except KeyboardInterrupt:
            self.manifest["status"] = "interrupted"
            raise
        except BaseException as error:
            self.manifest |= {"status": "failed", "error": str(error) or type(error).__name__}
            raise
        else:
            self.manifest["status"] = "complete"
        finally:
            self.manifest["ended"] = provenance.now()


def asked_for(scenario: Scenario, device: str | None) -> Scenario:
    """Return the scenario to run, on that device if one is given. Running it means trusting it. Raises
    ScenarioError.
    """
    own = scenario.trusted()
    return own if device is None else own.override({"device": device})


@contextmanager
def _naming(arm: str) -> Iterator[None]:
    """Add the name of that arm to every error inside the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"arm '{arm}': {error}") from None
    except (MemoryError, RuntimeError) as error:
        raise InputError(f"arm '{arm}': problem: cannot be set up: {told(error)}") from None


def _warn(progress: Progress, entry: dict[str, Any]) -> None:
    """Pass on the warnings of an arm with a seed."""
    for warning in entry.get("warnings", []):
        progress.warn(f"arm '{entry['arm']}', seed {entry['seed']}: {warning}")
