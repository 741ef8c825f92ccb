"""`gossim tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .jobs import affordable, likely_device
from .joined import joined, refuse_too_many
from .options import (
    INTERRUPTED,
    Changes,
    Cluster,
    NoLimits,
    Quiet,
    ScenarioFile,
    new_console,
    permit_imports,
    set_values,
    show_warnings,
    varied_values,
)


def tune(
    context: typer.Context,
    scenario: ScenarioFile,
    over: Annotated[
        list[str],
        typer.Option(metavar="KEY=V1,V2", help="Values to try, e.g. optimizer.learning_rate=0.1,0.3,1"),
    ],
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of trial seeds, all different from the scenario's.")
    ] = 3,
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The measure that decides  [default: time to the target, else train_loss]"),
    ] = None,
    widen: Annotated[
        bool, typer.Option("--widen", help="Extend the grid while the best value lies on its edge.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Directory  [default: runs/<scenario>,tuned]")] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs at the same time  [default: one per core]")
    ] = None,
    cluster: Cluster = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the directory.")] = False,
    quiet: Quiet = False,
    no_limits: NoLimits = False,
) -> None:
    """Find the best learning rate, or another value, for each arm.

    Each arm is tried with every value on trial seeds, and then run with its best on the scenario's own seeds.
    """
    permit_imports()
    others = joined(cluster, jobs, context)
    from ..estimates.limits import arms_s
    from ..runner.cores import default_jobs
    from ..runner.tune import tune as tuning
    from ..scenario.scenario import load
    from .progress import LiveProgress
    from .tables import comparison, show

    wanted, grid = set_values(changes), varied_values(over, "--over")
    if twice := [key for key in grid if key in wanted]:
        raise InputError(f"--over {twice[0]}: is set too, to one value")
    settings = load(scenario)
    if wanted:
        settings = settings.override(wanted, source=f"{scenario} with {', '.join(wanted)}")
    show_warnings(settings.warnings, quiet)
    store = out or Path("runs") / f"{scenario.stem},tuned"
    console, notes = new_console(quiet=quiet), new_console(stderr=True, quiet=quiet)
    jobs = 1 if others else jobs or default_jobs(settings, True, likely_device(settings))
    if not no_limits:
        refuse_too_many(settings, True)
    if jobs > 1 and not no_limits:
        jobs = affordable(settings, True, jobs, notes)
    try:
        found = tuning(
            settings,
            grid,
            store,
            seeds=seeds,
            metric=metric,
            widen=widen,
            force=force,
            limits=not no_limits,
            jobs=jobs,
            cluster=others,
            quiet=True,
            progress=lambda each: LiveProgress(each, notes, arms_s(each), jobs),
        )
    except KeyboardInterrupt:
        notes.print(f"interrupted; the same command goes on from what is in {store}", highlight=False, markup=False)
        raise typer.Exit(INTERRUPTED) from None
    for arm, values in found.chosen.items():
        told = ", ".join(f"{key} = {value}" for key, value in values.items())
        console.print(f"{arm}: {told}", highlight=False, markup=False)
    show(console, comparison(found.results))
    for sentence in found.results.sentences():
        console.print(sentence, highlight=False, markup=False)
    show_warnings(list(found.warnings), quiet)
    told = f"tables and figures in {store}, all trials in {store / 'trials.parquet'}"
    console.print(told, highlight=False, markup=False)
