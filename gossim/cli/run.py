"""`gossim run`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, RunError
from ..profiling import Stopwatch, Unwatched
from .jobs import affordable, likely_device
from .joined import joined, refuse_too_many
from .options import (
    INTERRUPTED,
    Changes,
    Cluster,
    NoLimits,
    Quiet,
    ScenarioFile,
    Varied,
    new_console,
    permit_imports,
    say_what_is_read,
    set_values,
    show_warnings,
    varied_values,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ..results import Results
    from ..runner.experiment import Experiment
    from ..runner.figure_process import Drawer
    from ..scenario.scenario import Scenario
    from ..tables.run_directory import RunDirectory

LONGEST_NAME = 100
"""Characters of what `--set` and `--vary` say in the name of a run directory."""


def run(
    context: typer.Context,
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    vary: Varied = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run directory  [default: runs/<scenario>, plus the changes]"),
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="D", help="auto, cpu or cuda; overrides the scenario")] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs at the same time  [default: one per core]")
    ] = None,
    cluster: Cluster = None,
    no_gradients: Annotated[
        bool, typer.Option("--no-gradients", help="Simulate time only: no parameters, no losses, no torch.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in that directory, if there is one.")] = False,
    checkpoint_every: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="Time between checkpoints, from which a killed run continues."),
    ] = 60.0,
    report: Annotated[
        bool, typer.Option("--report", help="Also write report.html, a page with curves and an animation.")
    ] = False,
    log: Annotated[
        list[str],
        typer.Option("--log", metavar="TRACKER", help="Also log the curves for tensorboard, wandb (offline) or csv."),
    ] = [],  # noqa: B006
    profile: Annotated[bool, typer.Option("--profile", help="Show where the wall time went.")] = False,
    quiet: Quiet = False,
    no_limits: NoLimits = False,
) -> None:
    """Run a scenario, print its table, write tables and figures.

    Every arm is run with every seed, and the arms are compared.
    """
    permit_imports()
    say_what_is_read(scenario, quiet)
    others = joined(cluster, jobs, context)
    if log:
        from ..runner.trackers import refuse_unusable

        refuse_unusable(log)
    stopwatch = Stopwatch() if profile else None
    watch = stopwatch or Unwatched()
    with watch.share("preparing"):
        settings = _changed(scenario, changes, {} if device is None else {"device": device}, varied_values(vary))
        if not no_limits:
            refuse_too_many(settings, not no_gradients)
        long = None if no_limits else _refuse_the_impossible(scenario, settings, not no_gradients)
        from ..tables.run_directory import RunDirectory

        store = RunDirectory(out or Path("runs") / default_name(scenario, [*changes, *vary]))
        store.refuse_unusable()
    show_warnings(settings.warnings, quiet)
    console, notes = new_console(quiet=quiet), new_console(stderr=True, quiet=quiet)
    from ..runner.cores import default_jobs
    from ..runner.earlier import earlier
    from ..runner.figure_process import drawer
    from ..runner.identity import Identity
    from ..runner.process_pool import prepare
    from ..runner.ray_cluster import reached

    if earlier(store, settings, Identity.of(settings, not no_gradients), force) == "finished":
        _show_stored(console, notes, store, report, log)
        return
    if long:
        notes.print(f"this will take {long}, as estimated", highlight=False, markup=False)
    jobs = 1 if others else jobs
    likely = jobs or default_jobs(settings, not no_gradients, likely_device(settings))
    if likely > 1:
        prepare(not no_gradients and any(arm.problem for arm in settings.arms.values()))
    with drawer(jobs) as figures:
        with watch.share("preparing"), console.status("Preparing"):
            from ..runner.experiment import Experiment

            try:
                experiment = Experiment(settings, gradients=not no_gradients, stopwatch=stopwatch, limits=False)
            except InputError as error:
                raise InputError(f"{scenario}: {error}") from None
        side_by_side = jobs or default_jobs(settings, not no_gradients, experiment.manifest["device"])
        if side_by_side > 1 and not no_limits:
            side_by_side = affordable(settings, not no_gradients, side_by_side, notes)
        with reached(others) as elsewhere, store.reserved():
            store.refuse_unusable()
            was = earlier(store, experiment.scenario, experiment.identity, force)  # another run may have come first
            if was == "finished":
                _show_stored(console, notes, store, report, log)
                return
            how = {"go_on": was == "unfinished", "jobs": side_by_side, "checkpoint_every_s": checkpoint_every}
            broken = _run_to_its_end(experiment, store, notes, figures, {**how, "elsewhere": elsewhere})
            results, drawn = experiment.results(), ""
            _show(console, results)
            with watch.share("writing"), console.status("Drawing"):
                try:
                    drawn = f"{len(figures.draw(results, store))} figures in {store.figures}, "
                    drawn += _report(results, store) if report else ""
                    drawn += _log(results, store, log) if log else ""
                except RunError as error:
                    broken = broken or error
    if stopwatch:
        from .tables import show, wall_time

        show(console, wall_time(stopwatch.read()))
    console.print(f"{drawn}tables in {store.path}", highlight=False, markup=False)
    if isinstance(broken, KeyboardInterrupt):
        raise typer.Exit(INTERRUPTED)
    if broken:
        raise broken


def _run_to_its_end(
    experiment: Experiment, store: RunDirectory, notes: Console, figures: Drawer, how: Mapping[str, Any]
) -> RunError | KeyboardInterrupt | None:
    """Run it, and return what broke it off, if anything: what there is is shown and drawn all the same."""
    from ..estimates.limits import arms_s
    from .progress import LiveProgress

    estimated_s = arms_s(experiment.scenario, experiment.gradients)
    side_by_side = how["elsewhere"].slots if how["elsewhere"] else how["jobs"]
    try:
        with LiveProgress(experiment.scenario, notes, estimated_s, side_by_side) as progress:
            experiment.run(store, progress, first_seed_ended=lambda: figures.begin(store), **how)
    except RunError as error:
        return error
    except KeyboardInterrupt as error:
        told = f"interrupted; what was recorded is in {store.path}, and the same command goes on from there"
        notes.print(told, highlight=False, markup=False)
        return error
    return None


def _show(console: Console, results: Results) -> None:
    """Print the arms side by side, and what that says in words."""
    from .tables import comparison, show

    if results.probes.empty:
        return
    show(console, comparison(results))
    for sentence in results.sentences():
        console.print(sentence, highlight=False, markup=False)


def _report(results: Results, store: RunDirectory) -> str:
    """Write the report, and say so. Raises RunError where it cannot be written."""
    if results.probes.empty:
        return ""
    try:
        results.report(store.report)
    except InputError as error:
        raise RunError(f"{error}; the tables are whole, and `gossim report` writes it") from None
    return f"report in {store.report}, "


def _log(results: Results, store: RunDirectory, trackers: list[str]) -> str:
    """Write the scalars for each of the trackers, and say so. Raises RunError where they cannot be written."""
    from ..runner.trackers import log

    return "".join(f"scalars in {folder}, " for folder in log(results, dict.fromkeys(trackers), store))


def _show_stored(console: Console, notes: Console, store: RunDirectory, report: bool, trackers: list[str]) -> None:
    """Print what a run that is complete has recorded, and draw its figures if they are missing.

    With `report`, also write its report; with `trackers`, its scalars for them.

    Raises:
        RunError: Where an arm broke down.
    """
    from ..results import Results
    from ..runner.drawing import are_drawn, draw
    from ..runner.run import errors_of

    results = Results.of(store.read(imports=True))
    notes.print(f"{store.path}: holds this very run; --force runs it anew", highlight=False, markup=False)
    _show(console, results)
    if not are_drawn(results, store):
        with store.reserved(), console.status("Drawing"):
            draw(results, store)
    if report or trackers:
        with store.reserved(), console.status("Drawing"):
            also = (_report(results, store) if report else "") + (_log(results, store, trackers) if trackers else "")
        console.print(also.rstrip(", "), highlight=False, markup=False)
    console.print(f"figures in {store.figures}, tables in {store.path}", highlight=False, markup=False)
    if errors := errors_of(results):
        raise RunError(errors)


def default_name(path: Path, changes: list[str]) -> str:
    """Return the name of the run directory if none is given: that of the scenario, with the changes by `--set` and
    `--vary`.

    Where a character cannot stand in a name, or it would be too long, a digest keeps it apart from others.
    """
    if not changes:
        return path.stem
    said = ",".join(changes)
    name = re.sub(r"[^\w.=,+-]+", "-", said)
    if name != said or len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    return f"{path.stem},{name}"


def _refuse_the_impossible(path: Path, settings: Scenario, gradients: bool) -> str | None:
    """Refuse an impossible run before the imports that a run needs. Returns the estimate of one that takes long."""
    from ..estimates.limits import refuse_the_impossible

    try:
        return refuse_the_impossible(settings, gradients, stored=True)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _changed(path: Path, changes: list[str], more: dict[str, Any], grid: dict[str, list[Any]]) -> Scenario:
    """Return the scenario in `path` with the values of `--set`, its arms varied over `grid`."""
    from ..scenario.overrides import overlapping
    from ..scenario.scenario import load

    wanted = set_values(changes)
    if twice := [key for key in more if key in wanted]:
        raise InputError(f"--{twice[0]} {more[twice[0]]}: --set {twice[0]} says it too")
    wanted |= more
    for key in grid:
        if taken := overlapping(key, wanted):
            raise InputError(f"--vary {key}: {taken[0]} is set too, to one value")
    scenario = load(path)
    if wanted:
        scenario = scenario.override(wanted, source=f"{path} with {', '.join(wanted)}")
    if grid:
        from ..scenario.vary import varied

        scenario = varied(scenario, grid, str(path))
    return scenario
