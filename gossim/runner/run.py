"""Running a scenario."""

from __future__ import annotations

from pathlib import Path

from ..profiling import Stopwatch, Unwatched
from ..results import Results
from ..scenario.cautions import log_warnings
from ..scenario.scenario import Scenario, load
from ..tables.run_directory import RunDirectory
from .experiment import Experiment
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
) -> Results:
    """Run a scenario, or the scenario in that file. With `out`, also write the run directory, figures included.

    Modules that the scenario names are imported: it runs their code.

    Args:
        scenario: The scenario, or the path of its file.
        out: The run directory. Without it nothing is written.
        device: `auto`, `cpu` or `cuda`, in place of the scenario's.
        force: Whether to replace a complete run in `out`.
        executor: `batched`, or `reference`, which is slow and simple and has the same outcome.
        gradients: Without them the clock runs alone, as with `problem: none`.
        progress: Called as the run goes.
        stopwatch: A `gossim.profiling.Stopwatch`, which afterwards knows where the wall time went.
        limits: Whether to refuse what needs more memory than this machine has, or more than some 10¹⁰ events.

    Returns:
        What the run recorded.

    Raises:
        ScenarioError: Before anything is written, for a scenario that cannot be run.
        InputError: Likewise, for an `out` or an option that cannot be used.
        RunError: For a run that breaks down, or an `out` that cannot be written any more. What was recorded until then
            is there.
    """
    store = None if out is None else RunDirectory(Path(out))
    if store:
        store.refuse_overwriting(force)
    watch = Unwatched() if stopwatch is None else stopwatch
    with watch.share("preparing"):
        settings = scenario if isinstance(scenario, Scenario) else load(scenario)
        log_warnings(settings.warnings)
        ready = Experiment(settings, device, executor, gradients, stopwatch, limits)
    if store is None:
        return ready.run(None, progress)
    with store.reserved():
        store.refuse_overwriting(force)  # another run may have come first
        results = ready.run(store, progress)
        with watch.share("writing"):
            ready.draw(store)
    return results
