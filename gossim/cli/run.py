"""`gossim run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, RunError
from ..profiling import Stopwatch, Unwatched
from .options import (
    INTERRUPTED,
    Changes,
    NoLimits,
    ScenarioFile,
    new_console,
    permit_imports,
    set_values,
    show_warnings,
)

if TYPE_CHECKING:
    from ..scenario.scenario import Scenario


def run(
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory  [default: runs/<scenario>]")] = None,
    device: Annotated[
        str | None, typer.Option(metavar="D", help="auto, cpu or cuda, instead of the scenario's")
    ] = None,
    no_gradients: Annotated[
        bool, typer.Option("--no-gradients", help="Run the clock alone: no parameters, no losses, no torch.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a complete run.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Show where the wall time went.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    no_limits: NoLimits = False,
) -> None:
    """Run every arm of a scenario with every seed; write tables and figures; compare the arms."""
    permit_imports()
    stopwatch = Stopwatch() if profile else None
    watch = stopwatch or Unwatched()
    with watch.share("preparing"):
        settings = _changed(scenario, changes, {} if device is None else {"device": device})
        long = None if no_limits else _refuse_the_impossible(scenario, settings, not no_gradients)
        from ..tables.run_directory import RunDirectory

        store = RunDirectory(out or Path("runs") / scenario.stem)
    store.refuse_overwriting(force)
    show_warnings(settings.warnings, quiet)
    console, notes = new_console(quiet=quiet), new_console(stderr=True, quiet=quiet)
    if long:
        notes.print(f"this will take {long}, as estimated", highlight=False, markup=False)
    with watch.share("preparing"), console.status("Preparing"):
        from ..runner.experiment import Experiment
        from .progress import LiveProgress
        from .tables import comparison, show, wall_time

        try:
            experiment = Experiment(settings, gradients=not no_gradients, stopwatch=stopwatch, limits=False)
        except InputError as error:
            raise InputError(f"{scenario}: {error}") from None
    with store.reserved():
        store.refuse_overwriting(force)  # another run may have come first
        broken: RunError | KeyboardInterrupt | None = None
        try:
            with LiveProgress(settings, notes) as progress:
                experiment.run(store, progress)
        except (RunError, KeyboardInterrupt) as error:
            broken = error  # what there is is shown and drawn all the same
            if isinstance(error, KeyboardInterrupt):
                notes.print(f"interrupted; what was recorded is in {store.path}", highlight=False, markup=False)
        drawn = ""
        with watch.share("writing"), console.status("Drawing"):
            results = experiment.results()
            try:
                drawn = f"{len(experiment.draw(store))} figures in {store.figures}, "
            except RunError as error:
                broken = broken or error
    if not results.probes.empty:
        show(console, comparison(results))
        for sentence in results.sentences():
            console.print(sentence, highlight=False, markup=False)
    if stopwatch:
        show(console, wall_time(stopwatch.read()))
    console.print(f"{drawn}tables in {store.path}", highlight=False, markup=False)
    if isinstance(broken, KeyboardInterrupt):
        raise typer.Exit(INTERRUPTED)
    if broken:
        raise broken


def _refuse_the_impossible(path: Path, settings: Scenario, gradients: bool) -> str | None:
    """Before anything is imported that a run needs. Returns the estimate of one that takes long."""
    from ..estimates.limits import refuse_the_impossible

    try:
        return refuse_the_impossible(settings, gradients)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _changed(path: Path, changes: list[str], more: dict[str, Any]) -> Scenario:
    """The scenario in `path` with the values of `--set`."""
    from ..scenario.scenario import load

    wanted = set_values(changes)
    if twice := [key for key in more if key in wanted]:
        raise InputError(f"--{twice[0]} {more[twice[0]]}: --set {twice[0]} says it too")
    wanted |= more
    scenario = load(path)
    return scenario.override(wanted, source=f"{path} with {', '.join(wanted)}") if wanted else scenario
