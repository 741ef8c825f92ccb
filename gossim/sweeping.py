"""Running a sweep: its points over the machine's cores, each a run directory, and one table of what they reached."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from . import yaml12
from .errors import InputError, RunError, told
from .files import undisturbed, whole, write_text
from .grid import Point, Sweep, cell
from .results import RunDirectory
from .scenario import Scenario, read
from .summary import FINAL, TIME_TO_TARGET, per_seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class SweepResults:
    """What a sweep reached.

    `table`: a row a point, arm and seed: the point's values under their keys, `arm`, `seed`, `status` (`complete`,
    `diverged` or `failed`), then what `gossim.summary.per_seed` has, at the last probe. `errors`: what went wrong at a
    point, by its `name`. `sweep`: the keys and points themselves.
    """

    sweep: Sweep
    table: pd.DataFrame
    errors: Mapping[str, str]

    @property
    def scenario(self) -> Scenario:
        """Of the first point: its arms, title and target."""
        return self.sweep.scenario

    def plot(self) -> dict[str, Figure]:
        """The figures by name, if there are one or two keys and one of them has numbers."""
        from .plots.grid import draw_sweep

        return draw_sweep(self)


class SweepProgress(Protocol):
    """Told how a sweep goes."""

    def begin(self, points: int, done: int) -> None:
        """So many points, of which so many were run before."""

    def point(self, point: Point, error: str | None) -> None:
        """That point has ended, well or with what went wrong."""


class Silent:
    """No progress shown."""

    def begin(self, points: int, done: int) -> None: ...
    def point(self, point: Point, error: str | None) -> None: ...


class SweepDirectory:
    """`sweep.yaml`, `sweep.parquet`, `figures/`, and under `points/` the run directory of each point."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, sweep: Sweep) -> None:
        """Make it ready. An earlier sweep here may be another one: what its points have done is used. Raises
        InputError."""
        try:
            if self.path.is_dir() and any(self.path.iterdir()) and not (self.path / "sweep.yaml").exists():
                raise InputError(f"{self.path}: holds other files and no sweep; choose another directory with --out")
            (self.path / "points").mkdir(parents=True, exist_ok=True)
            write_text(self.path / "sweep.yaml", yaml12.write(dict(sweep.data)))
        except OSError as error:
            raise InputError(f"{self.path}: cannot be used: {error.strerror}") from None

    def run_directory(self, point: Point) -> RunDirectory:
        return RunDirectory(self.path / "points" / point.name)

    def done(self, point: Point) -> str | None:
        """None if this point is still to be run; else what went wrong, if anything: what diverged would do so again."""
        try:
            manifest = json.loads((self.run_directory(point).path / "manifest.json").read_text(encoding="utf-8"))
            ended = [run["status"] for run in manifest["runs"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if manifest["status"] not in ("complete", "failed") or {*ended} - {"complete", "diverged"}:
            return None
        if len(ended) < len(point.scenario.arms) * point.scenario.repeats:
            return None
        return manifest["error"] or ""

    def rows(self, point: Point) -> pd.DataFrame:
        """The table's rows of a point that has ended; where it could not even begin, all of them `failed`."""
        runs = pd.DataFrame(
            [(arm, seed) for arm in point.scenario.arms for seed in point.scenario.seeds], columns=["arm", "seed"]
        )
        try:
            results = self.run_directory(point).read()
        except InputError:
            rows = runs.assign(status="failed")
        else:
            status = pd.DataFrame(results.manifest["runs"], columns=["arm", "seed", "status"])
            rows = runs.merge(status, how="left").fillna({"status": "failed"}).merge(per_seed(results), how="left")
        for place, (key, value) in enumerate(point.values.items()):
            rows.insert(place, key, pd.Series([cell(value)] * len(rows), dtype=object))
        return rows

    def write(self, sweep: Sweep, rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Write the table of the points that have ended, in the sweep's order, and return it."""
        table = pd.DataFrame(
            [row for point in sweep.points if point.name in rows for row in rows[point.name].to_dict("records")],
            columns=[*sweep.keys, "arm", "seed", "status", *measures(sweep)],
        )
        table = table.astype({**dict.fromkeys(measures(sweep), "float64"), "seed": "int64"})
        for key in sweep.keys:
            kinds = {type(value) for value in table[key] if value is not None}
            if kinds <= {int, float}:
                table[key] = pd.to_numeric(table[key])
            elif len(kinds) > 1:
                table[key] = table[key].map(lambda value: None if value is None else json.dumps(value))
        with whole(self.path / "sweep.parquet") as draft:
            table.to_parquet(draft, engine="pyarrow", index=False)
        return table


def measures(sweep: Sweep) -> list[str]:
    """The columns of `per_seed` that are numbers."""
    targeted = any(point.scenario.target for point in sweep.points)
    return [*FINAL, "steps_per_s", "idle_share", *([TIME_TO_TARGET] if targeted else [])]


def run_point(data: dict[str, Any], directory: str) -> str | None:
    """Run the scenario in `data` into a run directory without figures. Returns what went wrong, in words."""
    from .experiment import Experiment

    try:
        Experiment(Scenario.parse(data, "point")).run(RunDirectory(Path(directory)))
    except (InputError, RunError) as error:
        return str(error)
    except Exception as error:  # of a model of somebody's own, or no memory left: the other points go on
        return told(error)
    return None


def _ended(store: SweepDirectory, todo: list[Point], jobs: int) -> Generator[tuple[Point, str | None], None, None]:
    """Each point as it ends, with its error. Processes still at work when the caller stops listening are ended."""
    tasks = {point.name: (point.scenario.to_data(), str(store.run_directory(point).path)) for point in todo}
    if jobs == 1:
        for point in todo:
            yield point, run_point(*tasks[point.name])
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        with undisturbed(), _one_thread():  # processes inherit both: Ctrl-C reaches this one alone
            futures = {pool.submit(run_point, *tasks[point.name]): point for point in todo}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool:
        rule = "memory may be short; in a script, call gossim.sweep under `if __name__ == '__main__':`"
        raise RunError(f"a process of the sweep died, and the sweep with it ({rule})") from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that begin inside the block compute on one thread each: together they fill the cores."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sweep(
    scenario: Sweep | Scenario | str | Path,
    over: Mapping[str, list[Any]] | None = None,
    out: str | Path | None = None,
    *,
    jobs: int | None = None,
    progress: SweepProgress | None = None,
) -> SweepResults:
    """Run a scenario at every point of its `sweep:`, or of the grid `over`, `jobs` points at a time (as many as there
    are cores). With `out`, what is there of the same points is not run again, and tables and figure are written.

    Raises ScenarioError or InputError, before anything runs, for what is wrong at any point. A point that breaks down
    while it runs is in `errors`, by its `name`, and its rows say so. Ctrl-C leaves the points that are done in `out`.
    """
    if isinstance(scenario, str | Path):
        data, source = read(scenario), str(scenario)
        described = Sweep.parse(data if over is None else {**data, "sweep": dict(over)}, source)
    elif isinstance(scenario, Scenario):
        described = Sweep.parse({**scenario.written(), **({} if over is None else {"sweep": dict(over)})})
    else:
        described = scenario
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise InputError(f"jobs = {jobs}: must be a whole number >= 1")
    if out is None:
        with TemporaryDirectory(prefix="gossim-") as folder:
            return _run(described, SweepDirectory(Path(folder)), jobs or _cores(), progress or Silent())
    results = _run(described, SweepDirectory(Path(out)), jobs or _cores(), progress or Silent())
    RunDirectory(Path(out)).write_figures(results.plot())
    return results


def _run(described: Sweep, store: SweepDirectory, jobs: int, progress: SweepProgress) -> SweepResults:
    store.begin(described)
    todo, rows, errors = [], {}, {}
    for point in described.points:
        error = store.done(point)
        if error is None:
            todo.append(point)
            continue
        rows[point.name] = store.rows(point)
        if error:
            errors[point.name] = error
    progress.begin(len(described.points), len(rows))
    table = store.write(described, rows)
    with closing(_ended(store, todo, min(jobs, len(todo) or 1))) as ended:
        for point, error in ended:
            if error:
                errors[point.name] = error
            rows[point.name] = store.rows(point)
            table = store.write(described, rows)
            progress.point(point, error)
    return SweepResults(described, table, errors)
