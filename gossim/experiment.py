"""Running a scenario: every arm with every seed, through both planes, into tables."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import provenance
from .errors import InputError, RunError, told
from .execute.batched import Batched
from .execute.reference import Reference
from .execute.runtime import tuned_for
from .problems.build import build, check_gradients, check_partitions, device_name, device_named
from .record import Diverged, Recorder
from .results import Results, RunDirectory, table
from .scenario import Arm, Scenario
from .sim.world import World

if TYPE_CHECKING:
    from .problems.problem import Problem

EXECUTORS: dict[str, type[Batched] | type[Reference]] = {"batched": Batched, "reference": Reference}

TIMELINE_INTERVALS = 20_000
"""Of each arm's first seed that are kept for the timeline."""

WINDOW_GRADIENTS = 32
"""Of each worker, by which the clock runs ahead of the arithmetic, unless this takes more than WINDOW_BYTES of rows."""

WINDOW_BYTES = 2**26


def window_size(workers: int, row_bytes: int) -> tuple[int, int]:
    """Gradients in a window, all workers together, and rows that may be freed in one.

    The second is out of the way of all but probes that come more often than gradients; the first decides what is
    computed together, and a run with more probes is to compute the same.
    """
    each = max(1, min(WINDOW_GRADIENTS, WINDOW_BYTES // (workers * row_bytes)))
    return each * workers, 8 * max(workers, WINDOW_BYTES // row_bytes)


class Progress(Protocol):
    """Told how a run goes."""

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None:
        """Arm `name` begins with `seed`; it ends after `gradient_steps` if that is known."""

    def advance(self, time_s: float, gradient_steps: int) -> None:
        """The present arm has come so far."""

    def done(self, message: str | None) -> None:
        """The present arm with this seed has ended, well or with `message`."""


class Silent:
    """No progress shown."""

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None: ...
    def advance(self, time_s: float, gradient_steps: int) -> None: ...
    def done(self, message: str | None) -> None: ...


def steps_limit(settings: Arm, train_samples: int | None) -> int | None:
    """Gradient steps, of all workers together, that end a run; None if only time does."""
    limits = [settings.until.gradient_steps] if settings.until.gradient_steps else []
    if settings.until.epochs is not None and train_samples and settings.problem.batch_size:
        limits.append(math.ceil(settings.until.epochs * train_samples / settings.problem.batch_size))
    return min(limits, default=None)


class Experiment:
    """A scenario made ready: all that can be refused has been refused once this exists, and nothing was written."""

    def __init__(self, scenario: Scenario, device: str | None = None, executor: str = "batched"):
        if executor not in EXECUTORS:
            raise InputError(f"executor = {executor!r}: must be one of {', '.join(EXECUTORS)}")
        self.scenario = scenario if device is None else scenario.override({"device": device})
        self.executor = EXECUTORS[executor]
        self.devices = {name: device_named(arm.device) for name, arm in self.scenario.arms.items()}
        for name, arm in self.scenario.arms.items():
            with _naming(name):
                check_partitions(arm.problem, arm.workers, self.scenario.seeds)
                check_gradients(self._problem(name, arm, self.scenario.seed))
        self.probes: list[dict[str, Any]] = []
        self.workers: list[dict[str, Any]] = []
        self.timeline: list[dict[str, Any]] = []
        first = next(iter(self.devices.values()))
        self.manifest = provenance.manifest(
            sys.argv, first.type, device_name(first), self.scenario.seed, self.scenario.repeats
        )

    def run(self, store: RunDirectory | None = None, progress: Progress | None = None) -> Results:
        """Run everything, writing to `store` after each arm. Raises RunError at the end if an arm diverged or broke.

        However it ends, what was recorded is in `store`, and its manifest says how each arm and seed ended.
        """
        progress = progress or Silent()
        if store:
            with _undisturbed():
                store.begin(self.scenario, self.manifest, self.results())
        with self._ending(store):
            for seed in self.scenario.seeds:
                for name, arm in self.scenario.arms.items():
                    self._run_arm(name, arm, seed, progress)
                    if store:
                        store.write_tables(self.results())
            errors = [entry["error"] for entry in self.manifest["runs"] if "error" in entry]
            if errors:
                raise RunError("\n".join(errors))
        return self.results()

    def results(self) -> Results:
        """What has been recorded so far, arm by arm."""
        order = {name: position for position, name in enumerate(self.scenario.arms)}
        tables = {
            name: table(name, sorted(getattr(self, name), key=lambda row: (order[row["arm"]], row["seed"])))
            for name in ("probes", "workers", "timeline")
        }
        return Results(scenario=self.scenario, manifest=self.manifest, **tables)

    def _run_arm(self, name: str, arm: Arm, seed: int, progress: Progress) -> None:
        problem = self._problem(name, arm, seed)
        limit = steps_limit(arm, problem.train_samples)
        world = World(
            arm,
            seed,
            message_bytes=problem.dim * problem.dtype.itemsize,
            gradient_steps=limit,
            timeline_limit=TIMELINE_INTERVALS if seed == self.scenario.seed else 0,
        )
        recorder = Recorder(problem, name, seed)
        executor = self.executor(problem, recorder.measure)
        progress.arm(name, seed, arm, limit)
        entry: dict[str, Any] = {"arm": name, "seed": seed, "status": "failed"}
        self.manifest["runs"].append(entry)
        try:
            with tuned_for(problem):
                for window in world.windows(*window_size(arm.workers, world.message_bytes)):
                    executor.run(window)
                    progress.advance(world.clock.now_s, world.gradient_steps)
            entry["status"] = "complete"
        except KeyboardInterrupt:
            entry["status"] = "interrupted"
            raise
        except Diverged as error:
            entry |= {"status": "diverged", "error": f"arm '{name}', seed {seed}: {error}; what came before is kept"}
        except RunError as error:
            entry["error"] = f"arm '{name}', seed {seed}: {error}"
        finally:
            self.probes += recorder.probes
            self.workers += recorder.workers
            label = {"arm": name, "seed": seed}
            self.timeline += [{**label, **interval._asdict()} for interval in world.timeline.intervals]
            progress.done(entry.get("error"))

    def _problem(self, name: str, arm: Arm, seed: int) -> Problem:
        return build(arm.problem, arm.workers, seed, arm.dtype, self.devices[name])

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
                with _undisturbed():
                    store.write_tables(self.results())
                    store.write_manifest(self.manifest)


@contextmanager
def _naming(arm: str) -> Iterator[None]:
    """Whatever is wrong inside the block is wrong with that arm."""
    try:
        yield
    except InputError as error:
        raise InputError(f"arm '{arm}': {error}") from None
    except (MemoryError, RuntimeError) as error:
        raise InputError(f"arm '{arm}': problem: cannot be set up: {told(error)}") from None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the block is over: it is short, and leaves files that fit together."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def run(
    scenario: Scenario | str | Path,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    force: bool = False,
    executor: str = "batched",
    progress: Progress | None = None,
) -> Results:
    """Run a scenario, or the scenario in that file. With `out`, also write the run directory, figures included.

    Raises ScenarioError or InputError, before anything is written, for what cannot be run; RunError for a run that
    breaks down: what was recorded until then is in `out`.
    """
    from .scenario import load

    store = None if out is None else RunDirectory(Path(out))
    if store:
        store.refuse_overwriting(force)
    ready = Experiment(scenario if isinstance(scenario, Scenario) else load(scenario), device, executor)
    results = ready.run(store, progress)
    if store:
        store.write_figures(results.plot())
    return results
