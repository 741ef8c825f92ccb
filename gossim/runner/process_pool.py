"""Work in processes that end with the one that began them, some at a time."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple, Self, TypeVar

from ..errors import RunError
from ..files.atomic import undisturbed

HEARTBEAT_S = 0.25
"""Between two looks at whether anything has ended."""

Name = TypeVar("Name", bound=Hashable)
Given = TypeVar("Given")
Outcome = TypeVar("Outcome")


def context() -> BaseContext:
    """Return how processes start: forked, where possible, from one that has only loaded the packages."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def prepare(learns: bool) -> None:
    """Begin the process from which others are forked, which loads the packages while this one goes on."""
    chosen = context()
    if chosen.get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    chosen.set_forkserver_preload(["gossim.runner.preload" if learns else "gossim.runner.pair_processes"])
    with undisturbed(), one_thread_each():
        forkserver.ensure_running()


def ended(
    work: Callable[[Given], Outcome],
    given: Mapping[Name, Given],
    jobs: int,
    begin: Callable[..., None] | None = None,
    arguments: tuple[Any, ...] = (),
    method: str | None = None,
) -> Generator[dict[Name, Outcome], None, None]:
    """Do `work` with each of `given`, `jobs` at a time, each in its own process.

    Processes still at work when the caller stops listening are ended.

    Args:
        work: A function of a module, called in the processes.
        given: What it is called with, by name.
        jobs: How many processes there are.
        begin: A function of a module, called in each process first.
        arguments: What it is called with.
        method: How processes are begun, as `multiprocessing` calls it, if not as `context` has it.

    Yields:
        What has ended since the last time, by name; nothing at a heartbeat.

    Raises:
        RunError: If a process dies.
    """
    before = set(multiprocessing.active_children())
    chosen = multiprocessing.get_context(method) if method else context()
    pool = ProcessPoolExecutor(jobs, chosen, _begin, (Place.here(), begin, arguments))
    try:
        with undisturbed(), one_thread_each():  # processes inherit both: Ctrl-C reaches this one alone
            running = {pool.submit(work, each): name for name, each in given.items()}
        while running:
            over, _ = wait(running, HEARTBEAT_S, FIRST_COMPLETED)
            yield {running.pop(future): future.result() for future in over}
    except BrokenProcessPool:
        raise RunError(
            "a process died, and all with it: memory may be short; in a script, call gossim under "
            "`if __name__ == '__main__':`. What has ended is kept, and the same command goes on from there"
        ) from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class Place(NamedTuple):
    """The directory from which a process reads files, and the path on which it looks for modules.

    Processes that multiprocessing begins have those with which Python began, whatever has been changed since.
    """

    directory: str
    path: list[str]

    @classmethod
    def here(cls) -> Self:
        """Return those of this process."""
        directory = os.getcwd()
        return cls(directory, [folder or directory for folder in sys.path])

    def enter(self) -> None:
        """Make them those of this process."""
        os.chdir(self.directory)
        sys.path[:] = self.path


def _begin(place: Place, begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    _end_with_parent()
    place.enter()
    if begin:
        begin(*arguments)


def _end_with_parent() -> None:
    """Make this process end when its parent does, for any reason. Its results would be lost, and another run may begin
    in the same directory.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that begin inside the block compute on one thread each; together they use all cores."""
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
