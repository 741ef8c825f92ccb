"""Running a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError, RunError
from ..profiling import Stopwatch, Unwatched
from ..results import Results
from ..scenario.cautions import log_warnings
from ..scenario.scenario import Scenario, load
from ..scenario.vary import varied
from ..tables.run_directory import RunDirectory
from . import trackers
from .drawing import are_drawn, draw
from .earlier import earlier
from .elsewhere import Elsewhere
from .experiment import CHECKPOINT_EVERY_S, Experiment, asked_for
from .identity import Identity
from .progress import Progress
from .ray_cluster import reached, refuse_unusable


def run(
    scenario: Scenario | str | Path,
    out: str | Path | None = None,
    *,
    vary: Mapping[str, Sequence[Any]] | None = None,
    device: str | None = None,
    force: bool = False,
    executor: str = "batched",
    gradients: bool = True,
    progress: Progress | None = None,
    stopwatch: Stopwatch | None = None,
    limits: bool = True,
    jobs: int = 1,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    log: Sequence[str] = (),
    cluster: str | Elsewhere | None = None,
) -> Results:
    """Run a scenario, or the scenario in a file. With `out`, also write the run directory, figures included.

    If `out` holds the same run, complete, that is what is returned; if it holds the same run unfinished, the run
    goes on. Modules that the scenario names are imported, which runs their code.

    Args:
        scenario: The scenario, or the path of its file.
        out: The run directory. Without it nothing is written.
        vary: Values by dotted key, `{"compute.stragglers.0.factor": [5, 20]}`: every arm runs once for each value, or
            each combination, as `gosgd_push (factor=5)` and `gosgd_push (factor=20)`.
        device: `auto`, `cpu` or `cuda`, in place of the scenario's.
        force: Whether to start again, whatever run is in `out`.
        executor: `batched`, or `reference`, which is slow and simple and gives the same results.
        gradients: If false, the clock runs alone, as with `problem: none`.
        progress: Called during the run.
        stopwatch: A `gossim.profiling.Stopwatch`, which then knows where the wall time went.
        limits: Whether to refuse what needs more memory than this machine has, or more than some 10¹⁰ events.
        jobs: How many arms and seeds run side by side, in processes. In a script, call this under `if __name__ ==
            "__main__":`. The results do not depend on it.
        checkpoint_every_s: Seconds of wall time after which, with `out`, each arm and seed saves its state.
        log: Trackers, `tensorboard`, `wandb` and `csv`, for which scalars are written to the folder `logs` in `out`.
        cluster: `auto` or the address of a Ray cluster on which arms and seeds run, in place of processes here.

    Returns:
        What the run recorded.

    Raises:
        ScenarioError: Before anything is written, if the scenario cannot be run.
        InputError: Before anything is written, if `out` or an option cannot be used, or `out` holds another run.
        RunError: If the run breaks down, or `out` can no longer be written. What was recorded until then is there.
    """
    if type(jobs) is not int or jobs < 1:
        raise InputError(f"jobs = {jobs!r}: must be a whole number >= 1")
    if not checkpoint_every_s >= 0:
        raise InputError(f"checkpoint_every_s = {checkpoint_every_s!r}: must be a number of seconds >= 0")
    refuse_unusable(cluster, jobs if jobs > 1 else None)
    trackers.refuse_unusable(log)
    if log and out is None:
        raise InputError(f"log = {log!r}: needs `out`, the run directory in which it is written")
    store = None if out is None else RunDirectory(Path(out))
    if store:
        store.refuse_unusable()
    watch = Unwatched() if stopwatch is None else stopwatch
    with watch.share("preparing"):
        settings = scenario if isinstance(scenario, Scenario) else load(scenario)
        if vary:
            settings = varied(settings.trusted(), vary)
        log_warnings(settings.warnings)
        settings = asked_for(settings, device)
        if store:
            was = earlier(store, settings, Identity.of(settings, gradients, executor), force)
            if was == "finished":
                return _stored(store, log)
        ready = Experiment(settings, None, executor, gradients, stopwatch, limits, stored=store is not None)
    if store is None:
        with reached(cluster) as elsewhere:
            return ready.run(None, progress, jobs=jobs, elsewhere=elsewhere)
    with reached(cluster) as elsewhere, store.reserved():
        store.refuse_unusable()
        was = earlier(store, ready.scenario, ready.identity, force)  # another run may have come first
        if was == "finished":
            return _stored(store, log)
        results = ready.run(
            store,
            progress,
            go_on=was == "unfinished",
            jobs=jobs,
            checkpoint_every_s=checkpoint_every_s,
            elsewhere=elsewhere,
        )
        with watch.share("writing"):
            draw(results, store)
            trackers.log(results, log, store)
    return results


def _stored(store: RunDirectory, log: Sequence[str]) -> Results:
    """Return the results of the run that is complete in `store`, after drawing the figures that are missing.

    Raises:
        RunError: If an arm broke down.
    """
    results = Results.of(store.read(imports=True))
    if not are_drawn(results, store):
        with store.reserved():
            draw(results, store)
    if log:
        with store.reserved():
            trackers.log(results, log, store)
    if errors := errors_of(results):
        raise RunError(errors)
    return results


def errors_of(results: Results) -> str:
    """Return what went wrong with arms and seeds, one line for each."""
    return "\n".join(entry["error"] for entry in results.manifest["runs"] if entry.get("error"))
