"""The files of a sweep: what was asked for, a run directory for each point, and one table of what they reached."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from ..analysis.some_arms import together
from ..analysis.summary import TIME_TO_TARGET, final_columns, per_seed
from ..errors import InputError, RunError
from ..files import yaml12
from ..files.atomic import drafts, whole, write_text
from ..files.guards import refuse_links, refuse_unwritable
from ..files.lock import LOCK
from ..files.trust import Trust, trusting
from ..scenario.sweep import Point, Sweep
from ..scenario.vary import short_keys, told_values
from ..tables.run_data import RunData
from ..tables.run_directory import RunDirectory
from .input_hashes import inputs
from .manifest import versions

ENDED = ("complete", "failed")
"""What the manifest of a run says that has come to its end."""


class SweepDirectory:
    """`sweep.yaml`, `sweep.parquet`, `figures/`, and under `points/` the run directory of each point."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, sweep: Sweep) -> AbstractContextManager[Any]:
        """Make it ready, and this process's own until what is returned is closed. An earlier sweep here may be another
        one: what its points have done is used, its figures go. Raises InputError, also if a sweep is under way here."""
        refuse_unwritable(self.path)
        try:
            left = {draft.name for draft in drafts(self.path)} if self.path.is_dir() else set()
            there = {file.name for file in self.path.iterdir()} if self.path.is_dir() else set()
            if there - {LOCK} - left and "sweep.yaml" not in there:
                raise InputError(f"{self.path}: holds other files and no sweep; choose another directory with --out")
            points = self.path / "points"
            refuse_links(self.figures, points, *(self.run_directory(point).path for point in sweep.points))
            points.mkdir(parents=True, exist_ok=True)
            held = FileLock(self.path / LOCK).acquire(timeout=0)
            for folder in (self.path, self.figures):
                for draft in drafts(folder) if folder.is_dir() else ():
                    draft.unlink()
            for figure in [*self.figures.glob("*.png"), *self.figures.glob("*.svg")]:
                figure.unlink()
            write_text(self.path / "sweep.yaml", yaml12.write(dict(sweep.data)))
        except Timeout:
            rule = "a sweep is under way here; wait for its end or choose another directory with --out"
            raise InputError(f"{self.path}: {rule}") from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be used: {error.strerror}") from None
        return held

    def sweep(self) -> Sweep:
        """Read the sweep that is here.

        Raises:
            InputError: If the directory holds no sweep.
        """
        path = self.path / "sweep.yaml"
        if path.is_symlink() or not path.is_file():
            raise InputError(f"{self.path}: holds no sweep: it has no sweep.yaml")
        return Sweep.load(path)

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    def run_directory(self, point: Point) -> RunDirectory:
        return RunDirectory(self.path / "points" / point.name)

    def done(self, point: Point) -> str | None:
        """Return None if this point must still be run, or if files, modules or versions that it depends on have
        changed; else its error, if any, because a point that diverged would do so again.
        """
        try:
            manifest = self.run_directory(point).manifest()
            depended = manifest["inputs"], manifest["versions"]
        except (InputError, KeyError):
            return None
        how = [run["status"] for run in manifest["runs"]]
        if manifest["status"] not in ENDED or {*how} - {"complete", "diverged"}:
            return None
        if len(how) < len(point.scenario.arms) * point.scenario.repeats:
            return None
        return (manifest.get("error") or "") if depended == (inputs(point.scenario), versions()) else None

    def rows(self, point: Point, error: str | None) -> list[dict[str, Any]]:
        """Return the table's rows of a point that has ended, without the values of its keys, and with `error` if there
        was one. If it could not begin, all rows are `failed`. Raises InputError or RunError if there is no such run.
        """
        runs = pd.DataFrame(
            [(arm, seed) for arm in point.scenario.arms for seed in point.scenario.seeds], columns=["arm", "seed"]
        )
        store = self.run_directory(point)
        if error and not store.path.exists():
            return runs.assign(status="failed").to_dict("records")
        results = store.read()
        if results.manifest["status"] not in ENDED:
            raise RunError(f"{store.path}: is '{results.manifest['status']}' after its end; does another write here?")
        status = pd.DataFrame(results.manifest["runs"], columns=["arm", "seed", "status"])
        rows = runs.merge(status, how="left").fillna({"status": "failed"}).merge(per_seed(results), how="left")
        return rows.to_dict("records")

    def write(self, sweep: Sweep, rows: Mapping[str, list[dict[str, Any]]]) -> pd.DataFrame:
        """Write the table of the points that have ended, in the sweep's order, and return it."""
        cells = zip(*(sweep.cells(key) for key in sweep.keys), strict=True)
        values = [dict(zip(sweep.keys, each, strict=True)) for each in cells]
        table = pd.DataFrame(
            [{**at, **row} for at, point in zip(values, sweep.points, strict=True) for row in rows.get(point.name, ())],
            columns=[*sweep.keys, "arm", "seed", "status", *measures(sweep)],
        )
        table = table.astype({**dict.fromkeys(measures(sweep), "float64"), "seed": "int64"})
        with whole(self.path / "sweep.parquet") as draft:
            table.to_parquet(draft, engine="pyarrow", index=False)
        return table


def measures(sweep: Sweep) -> list[str]:
    """Return the columns of `per_seed` that are numbers."""
    targeted = any(point.scenario.target for point in sweep.points)
    final = dict.fromkeys(column for point in sweep.points for column in final_columns(point.scenario))
    return [*final, "steps_per_s", "idle_share", *([TIME_TO_TARGET] if targeted else [])]


def points_together(directory: Path) -> RunData:
    """Return the points of the sweep in `directory` that recorded anything, as one run with arms called `gosgd_push
    (workers=4)`. Nothing that its scenarios name is imported or opened.

    Raises:
        InputError: If it is no sweep, or holds no such point.
    """
    store = SweepDirectory(directory)
    with trusting(Trust(imports=False, files=False)):
        sweep = Sweep.load(directory / "sweep.yaml")
    labels = short_keys(list(sweep.keys))
    runs = {}
    for point in sweep.points:
        with suppress(InputError):  # not run yet, or failed before it recorded anything
            label = told_values({labels[key]: value for key, value in point.values.items()})
            runs[label] = store.run_directory(point).read_recorded()
    return together(runs)
