"""An experiment: every arm of a scenario with every seed, through both planes, into tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from ..errors import Diverged, InputError, RunError, told
from ..estimates.limits import refuse_the_impossible
from ..execute.planes import Gradients, Nothing
from ..files.atomic import undisturbed
from ..profiling import Stopwatch, Unwatched
from ..results import Results
from ..scenario.arm import Arm
from ..scenario.cautions import log_warnings
from ..scenario.derived import message_bytes, parameter_bytes, steps_limit, window_size
from ..scenario.scenario import Scenario
from ..sim.world import World
from ..tables.probe_rows import Observations
from ..tables.run_directory import RunDirectory
from ..tables.utilisation import overloaded
from . import manifest as provenance
from .input_hashes import inputs
from .progress import NoProgress, Progress
from .recording import Recording

TIMELINE_INTERVALS = 20_000
"""Of each arm's first seed that are kept for the timeline."""


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
        own = scenario.trusted()  # to run it is to trust it
        self.scenario = own if device is None else own.override({"device": device})
        if limits:
            refuse_the_impossible(self.scenario, gradients)
        arms = self.scenario.arms
        learning = {name: arm for name, arm in arms.items() if gradients and arm.problem is not None}
        nothing = Nothing()
        numeric = Gradients(learning, executor, stopwatch) if learning else nothing
        self.planes: dict[str, Gradients | Nothing] = {name: numeric if name in learning else nothing for name in arms}
        for name, arm in arms.items():
            with _naming(name):
                self.planes[name].check(arm, self.scenario.seeds)
                message_bytes(arm)
        self.recording = Recording(arms)
        self.manifest = provenance.manifest(
            sys.argv,
            numeric.device,
            numeric.device_name,
            self.scenario.seed,
            self.scenario.repeats,
            inputs(self.scenario),
        )

    def run(self, store: RunDirectory | None = None, progress: Progress | None = None) -> Results:
        """Run everything, writing to `store` after each arm. Raises RunError at the end if an arm diverged or broke, or
        as soon as `store` cannot be written; InputError if somebody else is writing there.

        However it ends, what was recorded is in `store`, and its manifest says how each arm and seed ended.
        """
        progress = progress or NoProgress()
        with store.reserved() if store else nullcontext():
            if store:
                with self.watch.share("writing"), undisturbed():
                    store.begin(self.scenario, self.manifest, self.results())
            with self._ending(store):
                for seed in self.scenario.seeds:
                    for name, arm in self.scenario.arms.items():
                        self._run_arm(name, arm, seed, progress)
                        if store:
                            self._write(store)
                errors = [entry["error"] for entry in self.manifest["runs"] if "error" in entry]
                if errors:
                    raise RunError("\n".join(errors))
        return self.results()

    def draw(self, store: RunDirectory) -> list[Path]:
        """Write the figures of what was recorded. Raises RunError where they cannot be written; the manifest, where it
        can be, then says that the run failed, and why. Its tables are whole."""
        from ..plots.figure_files import write_figures

        try:
            return write_figures(self.results().plot(), store.figures, home=store.figures)
        except (OSError, InputError) as error:
            told = f"the figures cannot be written: {error}; the tables are whole, and `gossim plot` draws them"
            if self.manifest["status"] == "complete":
                self.manifest |= {"status": "failed", "error": told}
                with suppress(OSError):  # the disk is full
                    store.write_manifest(self.manifest)
            raise RunError(told) from None

    def results(self) -> Results:
        """What has been recorded so far, arm by arm."""
        return Results(scenario=self.scenario, manifest=self.manifest, **self.recording.tables())

    def _run_arm(self, name: str, arm: Arm, seed: int, progress: Progress) -> None:
        """Run one arm with one seed. Its entry in the manifest says how it ended."""
        observed = self.recording.begin(name, seed)
        progress.arm(name, seed, arm, steps_limit(arm))
        entry: dict[str, Any] = {"arm": name, "seed": seed, "status": "failed"}
        self.manifest["runs"].append(entry)
        try:
            self._run_planes(name, arm, seed, observed, entry, progress)
            entry["status"] = "complete"
        except KeyboardInterrupt:
            entry["status"] = "interrupted"
            raise
        except Diverged as error:
            entry |= {"status": "diverged", "error": f"arm '{name}', seed {seed}: {error}; what came before is kept"}
        except RunError as error:
            entry["error"] = f"arm '{name}', seed {seed}: {error}"
        finally:
            progress.done(entry.get("error"))

    def _run_planes(
        self, name: str, arm: Arm, seed: int, observed: Observations, entry: dict[str, Any], progress: Progress
    ) -> None:
        """Run the timing plane window by window, and after each window the numeric plane, which fills `observed`."""
        learns = isinstance(self.planes[name], Gradients)
        with self.watch.share("preparing"):
            plane = self.planes[name].plane(arm, seed, observed)
        with plane.tuned():
            with self.watch.share("events"):
                world = self._world(arm, seed, learns)
            try:
                windows = world.windows(*window_size(arm.workers, parameter_bytes(arm) if learns else 1))
                for window in self.watch.each("events", windows):
                    with self.watch.share("combining" if learns else "probes"):
                        plane.run(window)
                    window.clear()  # before the next one is made
                    progress.advance(world.clock.now_s, world.gradient_steps)
            finally:
                with self.watch.share("writing"):
                    self._keep(world, entry)

    def _world(self, arm: Arm, seed: int, learns: bool) -> World:
        return World(
            arm,
            arm.algorithm,
            seed,
            message_bytes(arm),
            gradient_steps=steps_limit(arm),
            timeline_limit=TIMELINE_INTERVALS if seed == self.scenario.seed else 0,
            learns=learns,
        )

    def _keep(self, world: World, entry: dict[str, Any]) -> None:
        """Put what the clock knows in the end into the manifest's `entry` and into the tables."""
        entry["staleness_steps"], entry["staleness_s"] = world.staleness()
        entry["messages_lost"] = world.network.messages_lost
        steps = world.gradient_steps
        entry["messages_per_step"] = world.network.messages_sent / steps if steps else None
        self.recording.end(world, entry["arm"], entry["seed"])
        name = f"arm '{entry['arm']}', seed {entry['seed']}"
        log_warnings([f"{name}: {told}" for told in overloaded(world)])

    @contextmanager
    def _ending(self, store: RunDirectory | None) -> Iterator[None]:
        """However the block ends, the manifest says so and the tables are written."""
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
            if store:
                with undisturbed():
                    self._write(store)

    def _write(self, store: RunDirectory) -> None:
        """Write the tables and the manifest as they are now. Raises RunError where that is impossible: what was written
        before stands, and the manifest says no more than that."""
        recorded, self.manifest["recorded"] = self.manifest["recorded"], len(self.manifest["runs"])
        try:
            with self.watch.share("writing"):
                store.write(self.manifest, self.results())
        except OSError as error:
            told = f"{store.path}: cannot be written: {error.strerror or error}"
            runs = self.manifest["runs"][:recorded]
            self.manifest |= {"status": "failed", "error": told, "recorded": recorded}
            with suppress(OSError):
                store.write_manifest({**self.manifest, "runs": runs})
            raise RunError(told) from None


@contextmanager
def _naming(arm: str) -> Iterator[None]:
    """Whatever is wrong inside the block is wrong with that arm."""
    try:
        yield
    except InputError as error:
        raise InputError(f"arm '{arm}': {error}") from None
    except (MemoryError, RuntimeError) as error:
        raise InputError(f"arm '{arm}': problem: cannot be set up: {told(error)}") from None
