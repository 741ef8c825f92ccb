"""Run a sweep: the points that are not done yet, over the machine's cores."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ..errors import InputError, RunError
from ..estimates.limits import refuse_impossible_points
from ..files.atomic import undisturbed
from ..results import SweepResults
from ..scenario.cautions import log_warnings
from ..scenario.scenario import Scenario
from ..scenario.sweep import Point, Sweep
from ..scenario.yaml_file import read
from .away_points import ended_away
from .cores import cores
from .elsewhere import Elsewhere
from .process_pool import prepare
from .progress import NoSweepProgress, SweepProgress
from .ray_cluster import reached, refuse_unusable
from .sweep_directory import SweepDirectory
from .sweep_points import PointTask, ended_tasks


def sweep(
    scenario: Sweep | Scenario | str | Path,
    over: Mapping[str, list[Any]] | None = None,
    out: str | Path | None = None,
    *,
    jobs: int | None = None,
    force: bool = False,
    progress: SweepProgress | None = None,
    limits: bool = True,
    part: tuple[int, int] | None = None,
    cluster: str | Elsewhere | None = None,
) -> SweepResults:
    """Run a scenario at every point of its `sweep:`, or of the grid `over`.

    With `out`, points that are done there are not run again, unless a file that the scenario names, a module of the
    user's or a version has changed. Ctrl-C keeps the points that are done.

    Args:
        scenario: A sweep, a scenario, or the path of a file.
        over: Values to try for each dotted key, in place of the scenario's `sweep:`.
        out: The sweep directory. Without it nothing is kept.
        jobs: How many points run at a time; by default as many as there are cores.
        force: Whether to run all points again.
        progress: Called during the sweep.
        limits: Whether to refuse points that need more memory than this machine has, or more than some 10¹⁰ events.
        part: `(i, n)` runs part i of n, from 1, of the points, without figures; `gossim.runner.merge` joins parts.
        cluster: `auto` or the address of a Ray cluster on which the points run, in place of processes here.

    Returns:
        The table, and in `errors` what went wrong, by the `name` of the point.

    Raises:
        ScenarioError: Before anything runs, if any point is no valid scenario.
        InputError: Before anything runs, if `out` or an option cannot be used.
        RunError: If the figures cannot be written; the table is whole.
    """
    if isinstance(scenario, str | Path):
        data, source = read(scenario), str(scenario)
        described = Sweep.parse(data if over is None else {**data, "sweep": dict(over)}, source)
    elif isinstance(scenario, Scenario):
        described = Sweep.parse({**scenario.written(), **({} if over is None else {"sweep": dict(over)})})
    else:
        described = scenario
    if described is not scenario:  # who made the sweep has its warnings
        log_warnings(described.warnings)
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise InputError(f"jobs = {jobs}: must be a whole number >= 1")
    refuse_unusable(cluster, jobs)
    if part is not None and not (all(type(each) is int for each in part) and 1 <= part[0] <= part[1]):
        raise InputError(f"part = {part}: must be two whole numbers (i, n) with 1 <= i <= n")
    points = described.points if part is None else described.part(*part)
    if limits and points:
        refuse_impossible_points(points)
    with nullcontext(out) if out is not None else TemporaryDirectory(prefix="gossim-") as folder:
        store = SweepDirectory(Path(folder))
        with reached(cluster) as elsewhere, store.begin(described):
            where = elsewhere or jobs or cores()
            results = _run(described, points, store, where, force, progress or NoSweepProgress())
            if out is not None and part is None:
                draw(results, store)
    return results


def draw(results: SweepResults, store: SweepDirectory) -> None:
    """Write the figures of a sweep.

    Raises:
        RunError: If they cannot be written.
    """
    from ..plots.figure_files import write_figures

    try:
        write_figures(results.plot(), store.figures, home=store.figures)
    except InputError as error:
        raise RunError(f"the figures cannot be written: {error}; the table is whole") from None


def _run(
    described: Sweep,
    points: Sequence[Point],
    store: SweepDirectory,
    where: int | Elsewhere,
    force: bool,
    progress: SweepProgress,
) -> SweepResults:
    """Run the points that are not done, in `where` processes here or elsewhere."""
    errors: dict[str, str] = {}
    todo: dict[str, PointTask] = {}
    table = _Table(described, store)
    for point in points:
        error = None if force else store.done(point)
        if error is None:
            todo[point.name] = PointTask(point.scenario.to_data(), str(store.run_directory(point).path), force)
        else:
            table.rows[point.name] = store.rows(point, error)
            errors |= {point.name: error} if error else {}
    named = {point.name: point for point in points}
    if isinstance(where, int):
        where = min(where, len(todo) or 1)
        if where > 1:
            prepare(any(arm.problem for name in todo for arm in named[name].scenario.arms.values()))
    progress.begin(len(points), len(table.rows))
    table.write()
    try:
        tasks = ended_tasks(todo, where) if isinstance(where, int) else ended_away(where, todo, named)
        with closing(tasks) as batches:
            for batch in batches:
                for name, error in batch.items():
                    table.rows[name] = store.rows(named[name], error)
                    errors |= {name: error} if error else {}
                    progress.point(named[name], error)
                table.write_if_due()
    finally:
        with undisturbed():
            written = table.write()
    return SweepResults(described, written, errors)


class _Table:
    """The table as it grows. It is written again and again, in at most a tenth of the time."""

    def __init__(self, sweep: Sweep, store: SweepDirectory):
        self.sweep, self.store = sweep, store
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.written = 0
        self.due_s = 0.0

    def write(self) -> pd.DataFrame:
        begun_s = time.monotonic()
        table = self.store.write(self.sweep, self.rows)
        self.written, ended_s = len(self.rows), time.monotonic()
        self.due_s = ended_s + 9 * (ended_s - begun_s)
        return table

    def write_if_due(self) -> None:
        if len(self.rows) > self.written and time.monotonic() >= self.due_s:
            self.write()
