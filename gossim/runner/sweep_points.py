"""The points of a sweep, run one at a time or in several processes."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError, RunError, told
from ..scenario.scenario import Scenario
from ..tables.run_directory import RunDirectory
from .earlier import earlier
from .elsewhere import Home
from .experiment import Experiment
from .process_pool import ended


class PointTask(NamedTuple):
    """A scenario as data, the run directory that it fills, and whether unfinished work there is begun anew.

    On another machine, `home` describes the process for which it is run.
    """

    data: dict[str, Any]
    directory: str
    anew: bool = False
    home: Home | None = None


def run_point(task: PointTask) -> str | None:
    """Run a task, without figures, on one thread. What an earlier run left in its directory goes first, unless it can
    go on. Returns what went wrong, in words."""
    store = RunDirectory(Path(task.directory), lasting=False)
    try:
        scenario = Scenario.parse(task.data, "point")
        with _one_thread(scenario), _removed_if_broken(store.path):
            experiment = Experiment(scenario, limits=False)
            if task.home:
                task.home.refuse_other(experiment.identity, experiment.manifest["device"])
            go_on = not task.anew and _can_go_on(store, experiment)
            if not go_on:
                shutil.rmtree(store.path, ignore_errors=True)
        with _one_thread(scenario):
            experiment.run(store, go_on=go_on)
    except (InputError, RunError) as error:
        return str(error)
    except Exception as error:  # of a model of somebody's own, or no memory left: the other points go on
        return told(error)
    return None


@contextmanager
def _removed_if_broken(folder: Path) -> Iterator[None]:
    """Remove old numbers of a point that cannot begin, so that they are not taken for its results."""
    try:
        yield
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _can_go_on(store: RunDirectory, experiment: Experiment) -> bool:
    """Return whether the same run is there and unfinished."""
    try:
        return earlier(store, experiment.scenario, experiment.identity) == "unfinished"
    except InputError:  # another run, or a damaged one
        return False


def ended_tasks(tasks: Mapping[str, PointTask], jobs: int) -> Generator[dict[str, str | None], None, None]:
    """Return the tasks that have ended since the last call, by name, each with its error; nothing at a heartbeat.

    Processes still at work when the caller stops listening are ended.
    """
    if jobs > 1:
        yield from ended(run_point, tasks, jobs)
        return
    for name, task in tasks.items():
        yield {name: run_point(task)}


@contextmanager
def _one_thread(scenario: Scenario) -> Iterator[None]:
    """Use one thread, so that a point gives the same numbers in this process as in one of many."""
    if not any(arm.problem for arm in scenario.arms.values()):
        context: Any = nullcontext()  # the clock alone needs no torch
    else:
        from ..problems.threads import one_thread

        context = one_thread()
    with context:
        yield
