"""`gossim sweep`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, RunError
from .joined import joined
from .options import (
    INTERRUPTED,
    Changes,
    Cluster,
    NoLimits,
    Quiet,
    ScenarioFile,
    new_console,
    permit_imports,
    say_what_is_read,
    set_values,
    show_warnings,
)

if TYPE_CHECKING:
    from ..results import SweepResults


def sweep(
    context: typer.Context,
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Sweep directory  [default: runs/<scenario>]")] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Points to run at the same time  [default: one per core]")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Run only part I of N; join the parts with gossim merge."),
    ] = None,
    cluster: Cluster = None,
    force: Annotated[bool, typer.Option("--force", help="Run all points again, also finished ones.")] = False,
    quiet: Quiet = False,
    no_limits: NoLimits = False,
) -> None:
    """Run a scenario at every point of its `sweep:`.

    Points that are finished already are not run again.
    """
    permit_imports()
    say_what_is_read(scenario, quiet)
    others = joined(cluster, jobs, context)
    from ..scenario.sweep import Sweep, changed
    from ..scenario.yaml_file import read

    wanted, place = set_values(changes), None if part is None else _part(part)
    source = f"{scenario} with {', '.join(wanted)}" if wanted else str(scenario)
    described = Sweep.parse(changed(read(scenario), wanted, source), source)
    from ..estimates.limits import refuse_impossible_points

    show_warnings(described.warnings, quiet)
    store = out or Path("runs") / (f"{scenario.stem},part={place[0]}of{place[1]}" if place else scenario.stem)
    notes = new_console(stderr=True, quiet=quiet)
    points = described.part(*place) if place else described.points
    long = None if no_limits or not points else refuse_impossible_points(points)
    if long:
        notes.print(f"this will take {long}, as estimated", highlight=False, markup=False)
    from ..runner import sweep as sweeping
    from .progress import SweepBar

    try:
        with SweepBar(notes) as progress:
            how: dict[str, Any] = {"force": force, "progress": progress, "limits": False, "part": place}
            results = sweeping.sweep(described, out=store, jobs=jobs, cluster=others, **how)
    except KeyboardInterrupt:
        notes.print(f"interrupted; the same command goes on from what is in {store}", highlight=False, markup=False)
        raise typer.Exit(INTERRUPTED) from None
    show_sweep(results, store, quiet)


def show_sweep(results: SweepResults, store: Path, quiet: bool) -> None:
    """Print where the table of a sweep is.

    Raises:
        RunError: If points broke down, with what went wrong at each.
    """
    if not quiet:
        drawn = f", figures in {store / 'figures'}" if any((store / "figures").glob("*.png")) else ""
        print(f"{len(results.table)} rows in {store / 'sweep.parquet'}{drawn}")
    if results.errors:
        points = {point.name: point for point in results.sweep.points}
        raise RunError("\n".join(f"{points[name]}: {error}" for name, error in results.errors.items()))


def _part(text: str) -> tuple[int, int]:
    """Return `I/N` as two numbers."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    number, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= parts:
        raise InputError(f"--part {text}: must read I/N with 1 <= I <= N, as in --part 3/8")
    return number, parts
