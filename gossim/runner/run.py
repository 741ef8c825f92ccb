"""Running a scenario."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError, RunError
from ..profiling import Stopwatch, Unwatched
from ..results import Results
from ..scenario.cautions import log_warnings
from ..scenario.scenario import Scenario, load
from ..tables.run_directory import RunDirectory
from .drawing import are_drawn, draw
from .earlier import earlier
from .experiment import CHECKPOINT_EVERY_S, Experiment, asked_for
from .identity import Identity
from .progress import Progress


def run(
    scenario: Scenario | str | Path,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    force: bool = False,
    executor: str = "batched",
    gradients: bool = True,
    progress: Progress | None = None,
    stopwatch: Stopwatch | None = None,
    limits: bool = True,
    jobs: int = 1,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
) -> Results:
    """Run a scenario, or the scenario in that file. With `out`, also write the run directory, figures included.

    Where `out` holds the same run, complete, that is what is returned; where it holds the same run unfinished, it goes
    on. Modules that the scenario names are imported: it runs their code.

    Args:
        scenario: The scenario, or the path of its file.
        out: The run directory. Without it nothing is written.
        device: `auto`, `cpu` or `cuda`, in place of the scenario's.
        force: Whether to begin anew, whatever run is in `out`.
        executor: `batched`, or `reference`, which is slow and simple and has the same outcome.
        gradients: Without them the clock runs alone, as with `problem: none`.
        progress: Called as the run goes.
        stopwatch: A `gossim.profiling.Stopwatch`, which afterwards knows where the wall time went.
        limits: Whether to refuse what needs more memory than this machine has, or more than some 10¹⁰ events.
        jobs: How many arms and seeds run side by side, in processes: in a script, call this under
            `if __name__ == "__main__":`. It decides no number.
        checkpoint_every_s: Seconds of wall time after which, with `out`, each arm and seed keeps where it stands.

    Returns:
        What the run recorded.

    Raises:
        ScenarioError: Before anything is written, for a scenario that cannot be run.
        InputError: Likewise, for an `out` or an option that cannot be used, or an `out` that holds another run.
        RunError: For a run that breaks down, or an `out` that cannot be written any more. What was recorded until then
            is there.
    """
    if type(jobs) is not int or jobs < 1:
        raise InputError(f"jobs = {jobs!r}: must be a whole number >= 1")
    if not checkpoint_every_s >= 0:
        raise InputError(f"checkpoint_every_s = {checkpoint_every_s!r}: must be a number of seconds >= 0")
    store = None if out is None else RunDirectory(Path(out))
    if store:
        store.refuse_unusable()
    watch = Unwatched() if stopwatch is None else stopwatch
    with watch.share("preparing"):
        settings = scenario if isinstance(scenario, Scenario) else load(scenario)
        log_warnings(settings.warnings)
        settings = asked_for(settings, device)
        if store:
            was = earlier(store, settings, Identity.of(settings, gradients, executor), force)
            if was == "finished":
                return _stored(store)
        ready = Experiment(settings, None, executor, gradients, stopwatch, limits)
    if store is None:
        return ready.run(None, progress, jobs=jobs)
    with store.reserved():
        store.refuse_unusable()
        was = earlier(store, ready.scenario, ready.identity, force)  # another run may have come first
        if was == "finished":
            return _stored(store)
        results = ready.run(
            store, progress, go_on=was == "unfinished", jobs=jobs, checkpoint_every_s=checkpoint_every_s
        )
        with watch.share("writing"):
            draw(results, store)
    return results


def _stored(store: RunDirectory) -> Results:
    """The results of the run that is complete in `store`; what is missing of its figures is drawn.

    Raises:
        RunError: Where an arm broke down.
    """
    results = Results.of(store.read(imports=True))
    if not are_drawn(results, store):
        with store.reserved():
            draw(results, store)
    if errors := errors_of(results):
        raise RunError(errors)
    return results


def errors_of(results: Results) -> str:
    """What went wrong with arms and seeds, a line for each."""
    return "\n".join(entry["error"] for entry in results.manifest["runs"] if entry.get("error"))
