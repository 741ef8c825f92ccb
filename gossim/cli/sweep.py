"""`gossim sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import RunError
from .options import (
    INTERRUPTED,
    Changes,
    NoLimits,
    ScenarioFile,
    new_console,
    permit_imports,
    say_what_is_read,
    set_values,
    show_warnings,
)


def sweep(
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write  [default: runs/<scenario>]")] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Points run at a time  [default: one a core]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run all points anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    no_limits: NoLimits = False,
) -> None:
    """Run a scenario at every point of its `sweep:`; what is done already is not run again."""
    permit_imports()
    say_what_is_read(scenario, quiet)
    from ..scenario.scenario import read
    from ..scenario.sweep import Sweep, changed

    wanted = set_values(changes)
    source = f"{scenario} with {', '.join(wanted)}" if wanted else str(scenario)
    described = Sweep.parse(changed(read(scenario), wanted, source), source)
    from ..estimates.limits import refuse_impossible_points

    show_warnings(described.warnings, quiet)
    store = out or Path("runs") / scenario.stem
    notes = new_console(stderr=True, quiet=quiet)
    long = None if no_limits else refuse_impossible_points(described.points)
    if long:
        notes.print(f"this will take {long}, as estimated", highlight=False, markup=False)
    from ..runner import sweep as sweeping
    from .progress import SweepBar

    try:
        with SweepBar(notes) as progress:
            results = sweeping.sweep(described, out=store, jobs=jobs, force=force, progress=progress, limits=False)
    except KeyboardInterrupt:
        notes.print(f"interrupted; the same command goes on from what is in {store}", highlight=False, markup=False)
        raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        drawn = f", figures in {store / 'figures'}" if any((store / "figures").glob("*.png")) else ""
        print(f"{len(results.table)} rows in {store / 'sweep.parquet'}{drawn}")
    if results.errors:
        points = {point.name: point for point in described.points}
        raise RunError("\n".join(f"{points[name]}: {error}" for name, error in results.errors.items()))
