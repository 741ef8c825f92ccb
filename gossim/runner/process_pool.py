"""The points of a sweep, some at a time, in processes that end with the one that began them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError, RunError, told
from ..files.atomic import undisturbed
from ..scenario.scenario import Scenario
from ..tables.run_directory import RunDirectory
from .earlier import earlier

if TYPE_CHECKING:
    from .experiment import Experiment

HEARTBEAT_S = 1.0
"""Between two looks at whether anything has ended."""


class Task(NamedTuple):
    """A scenario, as data, and the run directory that it is to fill; whether what is unfinished there is begun anew."""

    data: dict[str, Any]
    directory: str
    anew: bool = False


def run_point(task: Task) -> str | None:
    """Run a task, without figures, on one thread. What an earlier run left in its directory goes first, unless it can go
    on. Returns what went wrong, in words."""
    from .experiment import Experiment

    store = RunDirectory(Path(task.directory), lasting=False)
    try:
        scenario = Scenario.parse(task.data, "point")
        with _one_thread(scenario), _removed_if_broken(store.path):
            experiment = Experiment(scenario, limits=False)
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
    """Old numbers are not taken for those of a point that cannot begin."""
    try:
        yield
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _can_go_on(store: RunDirectory, experiment: Experiment) -> bool:
    """Whether the same run is there, and unfinished."""
    try:
        return earlier(store, experiment.scenario, experiment.identity) == "unfinished"
    except InputError:  # another run, or a damaged one
        return False


def ended_tasks(tasks: Mapping[str, Task], jobs: int) -> Generator[dict[str, str | None], None, None]:
    """The tasks that have ended since the last time, by name, each with what went wrong; nothing at a heartbeat.

    Processes still at work when the caller stops listening are ended.
    """
    if jobs == 1:
        for name, task in tasks.items():
            yield {name: run_point(task)}
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _end_with_parent)
    try:
        with undisturbed(), _one_thread_each():  # processes inherit both: Ctrl-C reaches this one alone
            running = {pool.submit(run_point, task): name for name, task in tasks.items()}
        while running:
            over, _ = wait(running, HEARTBEAT_S, FIRST_COMPLETED)
            yield {running.pop(future): future.result() for future in over}
    except BrokenProcessPool:
        rule = "memory may be short; in a script, call gossim.sweep under `if __name__ == '__main__':`"
        raise RunError(f"a process of the sweep died, and the sweep with it ({rule})") from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    """See to it that this process ends when its parent does, however that came about: nobody would read its results,
    and another sweep may begin in the same directory."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _one_thread(scenario: Scenario) -> Iterator[None]:
    """A point gives the same numbers in this process as in one of many."""
    if not any(arm.problem for arm in scenario.arms.values()):
        context: Any = nullcontext()  # the clock alone needs no torch
    else:
        from ..problems.threads import one_thread

        context = one_thread()
    with context:
        yield


@contextmanager
def _one_thread_each() -> Iterator[None]:
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
