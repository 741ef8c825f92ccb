"""Points of a sweep on machines that need not see its directory: their files come back, and are put there."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..errors import RunError
from ..files.lock import LOCK
from ..scenario.sweep import Point
from .elsewhere import Elsewhere, Home, device_of
from .identity import Identity
from .sweep_points import PointTask, run_point


class AwayPoint(NamedTuple):
    """A task whose directory is somewhere else, and what is known there."""

    task: PointTask
    home: Home


class PointFiles(NamedTuple):
    """What went wrong with a point, in words, and the files of its run directory by name; none if it did not begin."""

    error: str | None
    files: dict[str, bytes]


def run_away(away: AwayPoint) -> PointFiles:
    """Run a point in a folder of this machine."""
    away.home.enter()
    with TemporaryDirectory(prefix="gossim-") as folder:
        store = Path(folder) / "point"
        error = run_point(away.task._replace(directory=str(store), home=away.home))
        files = [path for path in store.iterdir() if path.is_file() and path.name != LOCK] if store.is_dir() else []
        return PointFiles(error, {path.name: path.read_bytes() for path in files})


def ended_away(
    elsewhere: Elsewhere, tasks: Mapping[str, PointTask], points: Mapping[str, Point]
) -> Generator[dict[str, str | None], None, None]:
    """The tasks that have ended since the last time, each with what went wrong, as `ended_tasks` has them.

    Args:
        elsewhere: Where they are run.
        tasks: The tasks, by the names of their points.
        points: All points, by name.

    Raises:
        RunError: If the files of a point cannot be written here.
    """
    scenarios = {name: points[name].scenario for name in tasks}
    devices = {name: device_of(scenario) for name, scenario in scenarios.items()}
    given = {
        name: AwayPoint(task, Home.of(Identity.of(scenarios[name]), devices[name])) for name, task in tasks.items()
    }
    with closing(elsewhere.ended(run_away, given, "cuda" in devices.values())) as batches:
        for batch in batches:
            for name, (_, files) in batch.items():
                _put(Path(tasks[name].directory), files)
            yield {name: error for name, (error, _) in batch.items()}


def _put(directory: Path, files: Mapping[str, bytes]) -> None:
    """Let the directory hold these files and no others. Without files it goes."""
    draft = directory.with_name(f".{directory.name}.coming")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        if files:
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
        shutil.rmtree(directory, ignore_errors=True)
        if files:
            draft.rename(directory)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise RunError(f"{directory}: cannot be written: {error.strerror or error}") from None
