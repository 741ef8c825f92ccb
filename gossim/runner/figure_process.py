"""A process that draws the figures of a run while this one does something else, and several at a time."""

from __future__ import annotations

import multiprocessing
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ..errors import FiguresFailed, InputError, RunError
from ..files.atomic import drafts, undisturbed
from ..results import Results
from ..tables.run_directory import RunDirectory
from .cores import cores, under_torchrun
from .drawing import draw, noted
from .process_pool import Place, ended, one_thread_each


class Drawer(Protocol):
    """Draws figures of runs that are on disk, inside a `with` block."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def begin(self, store: RunDirectory) -> None:
        """Have the present content of `store` drawn, without waiting. A later request replaces this one."""

    def draw(self, results: Results, store: RunDirectory) -> list[Path]:
        """Draw the figures of `results`, which is what is in `store`. See `drawing.draw`."""


def drawer(jobs: int | None = None) -> Drawer:
    """Return what draws figures, at most `jobs` at the same time, or one per core."""
    jobs = jobs or (1 if under_torchrun() else cores())
    return FigureProcess(jobs) if jobs > 1 else _NoProcess()


class _NoProcess:
    """Draws figures in this process when it has nothing else to do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def begin(self, store: RunDirectory) -> None: ...

    def draw(self, results: Results, store: RunDirectory) -> list[Path]:
        return draw(results, store)


class _Asked(NamedTuple):
    number: int
    directory: str


class _Answer(NamedTuple):
    """`error`: why the figures cannot be written."""

    number: int
    written: list[Path]
    error: str | None = None


class FigureProcess:
    """Draws figures of runs that are on disk in a separate process, which begins loading with the `with` block.

    Args:
        jobs: How many figures are drawn at a time, in processes of their own.
    """

    def __init__(self, jobs: int):
        spawn = multiprocessing.get_context("spawn")
        self._connection, its = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(its, jobs, Place.here()))
        self._its, self._number = its, 0

    def __enter__(self) -> Self:
        with undisturbed(), one_thread_each():  # it inherits both: Ctrl-C reaches this process alone
            self._process.start()
        self._its.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.terminate()  # it may be loading, or drawing what nobody waits for
        self._process.join()

    def begin(self, store: RunDirectory) -> None:
        self._number += 1
        with suppress(OSError):  # the process has died: `draw` does its work
            self._connection.send(_Asked(self._number, str(store.path)))

    def draw(self, results: Results, store: RunDirectory) -> list[Path]:
        self.begin(store)
        answer = self._answer()
        if answer is None:
            return draw(results, store)
        with noted(results.manifest, store):
            if answer.error is not None:
                raise FiguresFailed(answer.error)
        return answer.written

    def _answer(self) -> _Answer | None:
        """Return the outcome of the last request, or None if the process has died."""
        try:
            while True:
                answer: _Answer = self._connection.recv()
                if answer.number == self._number:
                    return answer
        except (EOFError, OSError):
            return None


def _serve(connection: Connection, jobs: int, place: Place) -> None:
    """Draw what is asked for until the process that asks has ended."""
    place.enter()
    load()
    try:
        while True:
            asked: _Asked = connection.recv()
            answer = _drawn(connection, asked, jobs)
            if answer:
                connection.send(answer)
    except (EOFError, OSError, RunError):  # the process that waits for an answer then draws by itself
        return


def load() -> None:
    """Load what drawing needs, while the run goes on.

    seaborn does without scipy, which it needs for other figures than these, and which takes as long to load as all the
    rest. This process draws and does nothing else.
    """
    without = {} if "scipy" in sys.modules else {"scipy": None}  # None makes its import fail
    sys.modules.update(without)  # type: ignore[arg-type]
    try:
        from ..plots import figure_files  # noqa: F401
    finally:
        for name in without:
            del sys.modules[name]


def _drawn(connection: Connection, asked: _Asked, jobs: int) -> _Answer | None:
    """Draw all figures of a run; None if something else is asked for, or nobody asks any more, before that is done."""
    from ..plots import FIGURES

    global _drawing
    store = RunDirectory(Path(asked.directory))
    written: dict[str, list[Path]] = {}
    try:
        for draft in drafts(store.figures):  # of figures that were given up for these
            draft.unlink(missing_ok=True)
        _drawing = Results.of(store.read(imports=True)), store
        names = list(reversed(FIGURES))  # those that take longest come first
        if jobs > 1 and sys.platform == "linux":
            batches = ended(_draw_figure, dict(zip(names, names, strict=True)), jobs, method="fork")
        else:
            batches = ({name: _draw_figure(name)} for name in names)
        for batch in batches:
            written |= batch
            if connection.poll():
                batches.close()
                return None
    except (OSError, InputError) as error:
        return _Answer(asked.number, [], str(error))
    return _Answer(asked.number, [path for name in FIGURES for path in written[name]])


_drawing: tuple[Results, RunDirectory] | None = None
"""What is drawn by this process and those that are forked from it."""


def _draw_figure(name: str) -> list[Path]:
    from ..plots import FIGURES
    from ..plots.figure_files import write_figures
    from ..plots.style import style

    assert _drawing is not None
    results, store = _drawing
    with style():
        figure = FIGURES[name](results)
    return write_figures({name: figure} if figure else {}, store.figures, home=store.figures)
