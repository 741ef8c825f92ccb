"""An experiment: every arm of a scenario with every seed, through both planes, into tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import InputError, RunError, told
from ..estimates.limits import refuse_the_impossible
from ..execute.planes import Gradients, Nothing
from ..files.atomic import undisturbed
from ..profiling import Stopwatch, Unwatched
from ..results import Results
from ..scenario.derived import message_bytes, steps_limit
from ..scenario.scenario import Scenario
from ..tables.parts import Part, Parts
from ..tables.run_directory import RunDirectory
from . import manifest as provenance
from .checkpoint import Checkpoints
from .cores import cores
from .identity import Identity
from .pair import PairRunner, has_ended, planes_of
from .pair_processes import Work, side_by_side
from .progress import NoProgress, Progress
from .recording import Key, Recording

WRITING = 9
"""The tables are written again at the earliest after this many times what writing them took."""


CHECKPOINT_EVERY_S = 60.0
"""Seconds of wall time after which an arm with a seed keeps where it stands, unless it is said otherwise."""


class Experiment:
    """A scenario made ready: all that can be refused has been refused once this exists, and nothing was written.

    Without `gradients`, or where the scenario says `problem: none`, the clock runs alone. Without `limits`, what needs
    more memory than there is, or more work than anybody waits for, is not refused.
    """

    def __init__(
        self,
        scenario: Scenario,
        device: str | None = None,
        executor: str = "batched",
        gradients: bool = True,
        stopwatch: Stopwatch | None = None,
        limits: bool = True,
    ):
        self.watch = Unwatched() if stopwatch is None else stopwatch
        self.scenario = asked_for(scenario, device)
        if limits:
            refuse_the_impossible(self.scenario, gradients)
        arms = self.scenario.arms
        self.executor, self.gradients = executor, gradients
        self.planes = planes_of(self.scenario, executor, gradients, stopwatch)
        numeric = next((plane for plane in self.planes.values() if isinstance(plane, Gradients)), Nothing())
        for name, arm in arms.items():
            with _naming(name):
                self.planes[name].check(arm, self.scenario.seeds)
                message_bytes(arm)
        self.recording = Recording(arms, self.scenario.metric_columns)
        self.due_s = 0.0  # when the tables may be written again
        self.runner = PairRunner(self.scenario, self.planes, self.watch)
        self.identity = Identity.of(self.scenario, gradients, executor)
        self.manifest = provenance.manifest(
            sys.argv,
            numeric.device,
            numeric.device_name,
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
    ) -> Results:
        """Run everything. However it ends, what was recorded is in `store`, and its manifest says how each arm and
        seed ended.

        Args:
            store: Where to write, as arms and seeds end.
            progress: Called as the run goes.
            go_on: Whether to go on with the same run in `store`, which is unfinished, rather than to begin anew.
            jobs: How many arms and seeds run side by side, in processes. It decides no number.
            checkpoint_every_s: Seconds of wall time after which an arm with a seed keeps where it stands.

        Returns:
            What the run recorded.

        Raises:
            RunError: At the end if an arm diverged or broke; as soon as `store` cannot be written.
            InputError: If somebody else is writing in `store`.
        """
        progress = progress or NoProgress()
        with store.reserved() if store else nullcontext():
            parts = store.parts(self.identity.digest(self.manifest["device"])) if store else None
            if store and parts:
                with self.watch.share("writing"), undisturbed():
                    if go_on:
                        self._take_up(store, parts)
                        for entry in self.manifest["runs"]:
                            progress.kept(entry["arm"], entry["seed"])
                    else:
                        store.begin(self.scenario, self.manifest, self.results())
            with self._ending(store, parts):
                if min(jobs, len(self._todo())) > 1:
                    self._run_side_by_side(store, parts, progress, jobs, checkpoint_every_s)
                for name, seed in self._todo():
                    place = self.recording.order[name]
                    saved = Checkpoints(parts, place, seed, checkpoint_every_s) if parts else None
                    entry = self._run_arm(name, seed, progress, saved)
                    if store and parts and saved:
                        self._keep(store, parts, entry)
                        saved.clear()
                errors = [entry["error"] for entry in self.manifest["runs"] if "error" in entry]
                if errors:
                    raise RunError("\n".join(errors))
        return self.results()

    def results(self) -> Results:
        """What has been recorded so far, arm by arm."""
        return Results(scenario=self.scenario, manifest=self.manifest, **self.recording.tables())

    def _take_up(self, store: RunDirectory, parts: Parts) -> None:
        """Take what has ended of the same run from `store`, which is made ready to go on."""
        before = store.begun or {}
        for seed in self.scenario.seeds:
            for place, name in enumerate(self.scenario.arms):
                if part := parts.load(place, name, seed):
                    self.recording.end(name, seed, part.frames)
                    self.manifest["runs"].append(part.entry)
        self.manifest["started"] = before.get("started") or self.manifest["started"]
        self.manifest["resumed"] = [*before.get("resumed", []), provenance.now()]
        self.manifest["recorded"] = len(self.manifest["runs"])
        store.go_on(self.manifest, self.results())

    def _todo(self) -> list[Key]:
        """The arms and seeds that have not ended, in the order in which they are run."""
        ended = {(entry["arm"], entry["seed"]) for entry in self.manifest["runs"]}
        every = [(name, seed) for seed in self.scenario.seeds for name in self.scenario.arms]
        return [key for key in every if key not in ended]

    def _run_arm(self, name: str, seed: int, progress: Progress, saved: Checkpoints | None) -> dict[str, Any]:
        """Run one arm with one seed. Returns its entry in the manifest, which says how it ended."""
        arm, record = self.scenario.arms[name], self.recording.begin(name, seed)
        progress.arm(name, seed, arm, steps_limit(arm))
        entry: dict[str, Any] = {"arm": name, "seed": seed, "status": "failed"}
        self.manifest["runs"].append(entry)
        try:
            self.runner.run(record, entry, progress.advance, saved)
        finally:
            progress.done(entry.get("error"))
        self.recording.end(name, seed, record.frames())
        _warn(progress, entry)
        return entry

    def _run_side_by_side(
        self, store: RunDirectory | None, parts: Parts | None, progress: Progress, jobs: int, every_s: float
    ) -> None:
        """Run all that has not ended in processes of their own. Raises RunError if one of them dies."""
        todo = self._todo()
        jobs = min(jobs, len(todo))
        with nullcontext() if parts else TemporaryDirectory(prefix="gossim-") as folder:
            kept = parts or Parts(Path(str(folder)), "", lasting=False)
            work = Work(
                self.scenario.to_data(),
                self.executor,
                self.gradients,
                str(kept.folder),
                kept.identity,
                kept.lasting,
                max(1, cores() // jobs),
                every_s if parts else None,
            )
            with closing(side_by_side(work, todo, jobs)) as heartbeats:
                for begun, over in heartbeats:
                    for place, time_s, steps in begun:
                        if todo[place] in self.recording.pairs:
                            continue  # has ended
                        name, seed = todo[place]
                        progress.arm(name, seed, self.scenario.arms[name], steps_limit(self.scenario.arms[name]))
                        progress.advance(time_s, steps)
                    for place, entry in over.items():
                        self._take(kept, todo[place], entry, progress)
                    if over and store:
                        self._write_if_due(store)

    def _take(self, parts: Parts, key: Key, entry: dict[str, Any], progress: Progress) -> None:
        """Take what another process recorded of an arm with a seed. Raises RunError if it is not there."""
        name, seed = key
        part = parts.load(self.recording.order[name], name, seed)
        if part is None:
            raise RunError(f"{parts.folder}: what arm '{name}' with seed {seed} recorded is gone")
        progress.arm(name, seed, self.scenario.arms[name], steps_limit(self.scenario.arms[name]))
        if len(part.frames["probes"]):
            last = part.frames["probes"].iloc[-1]
            progress.advance(float(last["time_s"]), int(last["gradient_steps"]))
        self.recording.end(name, seed, part.frames)
        self.manifest["runs"].append(part.entry)
        progress.done(entry.get("error"))
        _warn(progress, part.entry)

    @contextmanager
    def _ending(self, store: RunDirectory | None, parts: Parts | None) -> Iterator[None]:
        """However the block ends, the manifest says so and the tables are written. If they hold all that there is, what
        `parts` kept is no longer needed."""
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
            if store and parts:
                with undisturbed():
                    self._write(store)
                    if not self._todo() and all(map(has_ended, self.manifest["runs"])):
                        parts.clear()

    def _keep(self, store: RunDirectory, parts: Parts, entry: dict[str, Any]) -> None:
        """Keep an arm and seed that have ended, and write the tables unless that takes more than a tenth of the time.
        Raises RunError where that is impossible."""
        name, seed = entry["arm"], entry["seed"]
        frames = self.recording.pairs[name, seed]
        assert isinstance(frames, dict)
        with self._telling(store), self.watch.share("writing"):
            parts.save(self.recording.order[name], Part(entry, frames))
        self._write_if_due(store)

    def _write_if_due(self, store: RunDirectory) -> None:
        begun_s = time.monotonic()
        if begun_s >= self.due_s:
            self._write(store)
            self.due_s = time.monotonic() + WRITING * (time.monotonic() - begun_s)

    def _write(self, store: RunDirectory) -> None:
        """Write the tables and the manifest as they are now. Raises RunError where that is impossible: what was written
        before stands, and the manifest says no more than that."""
        with self._telling(store), self.watch.share("writing"):
            store.write({**self.manifest, "recorded": len(self.manifest["runs"])}, self.results())
            self.manifest["recorded"] = len(self.manifest["runs"])

    @contextmanager
    def _telling(self, store: RunDirectory) -> Iterator[None]:
        """Raise RunError where the block cannot write to the disk, and note it in the manifest if that can be."""
        try:
            yield
        except OSError as error:
            told = f"{store.path}: cannot be written: {error.strerror or error}"
            self.manifest |= {"status": "failed", "error": told}
            with suppress(OSError):
                store.write_manifest({**self.manifest, "runs": self.manifest["runs"][: self.manifest["recorded"]]})
            raise RunError(told) from None


def asked_for(scenario: Scenario, device: str | None) -> Scenario:
    """The scenario as it is run, on that device if one is given. To run it is to trust it. Raises ScenarioError."""
    own = scenario.trusted()
    return own if device is None else own.override({"device": device})


@contextmanager
def _naming(arm: str) -> Iterator[None]:
    """Whatever is wrong inside the block is wrong with that arm."""
    try:
        yield
    except InputError as error:
        raise InputError(f"arm '{arm}': {error}") from None
    except (MemoryError, RuntimeError) as error:
        raise InputError(f"arm '{arm}': problem: cannot be set up: {told(error)}") from None


def _warn(progress: Progress, entry: dict[str, Any]) -> None:
    """Pass on what an arm with a seed leaves to be warned of."""
    for warning in entry.get("warnings", []):
        progress.warn(f"arm '{entry['arm']}', seed {entry['seed']}: {warning}")
