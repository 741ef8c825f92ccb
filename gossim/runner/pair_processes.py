"""Arms and seeds of one run side by side, in processes: each keeps what it recorded in a file, as if it had ended."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from ..scenario.arm import Arm
from ..scenario.scenario import Scenario
from ..tables.parts import Part, Parts
from .checkpoint import Checkpoints
from .pair import PairRunner, numeric, planes_of
from .process_pool import context, ended
from .recording import Key, PairRecord


class Work(NamedTuple):
    """What every process is given: the scenario as data, how it is run, and where its parts go.

    `threads` is what each may compute on, and `checkpoint_every_s` how often it keeps where it stands, if it does.
    """

    scenario: dict[str, Any]
    executor: str
    gradients: bool
    folder: str
    identity: str
    lasting: bool
    threads: int
    checkpoint_every_s: float | None


class Came(NamedTuple):
    """The progress of an arm with a seed: in simulated seconds, and in gradient steps of all workers. Where it goes on
    from a checkpoint, that was `resumed_after_s` of wall time since it first began.
    """

    place: int
    time_s: float
    gradient_steps: int
    resumed_after_s: float


FIELDS = 4
"""Numbers that each arm and seed shares with the first process: whether it has begun, and what `Came` says."""


def side_by_side(
    work: Work, todo: list[Key], jobs: int
) -> Generator[tuple[list[Came], dict[int, dict[str, Any]]], None, None]:
    """Run each of `todo`, `jobs` at a time.

    Yields:
        At each heartbeat how far those under way have come, and the entries for the manifest of those that have ended,
        both by their place in `todo`.

    Raises:
        RunError: If a process dies.
    """
    counters = context().RawArray("d", FIELDS * len(todo))
    given = {place: (place, *key) for place, key in enumerate(todo)}
    for over in ended(_run_pair, given, jobs, _begin, (work, counters)):
        starts = range(0, FIELDS * len(todo), FIELDS)
        begun = [
            Came(at // FIELDS, counters[at + 1], int(counters[at + 2]), counters[at + 3])
            for at in starts
            if counters[at]
        ]
        yield begun, over


class _Shown:
    """Shares with the first process how far an arm with a seed has come; its numbers begin at `at`."""

    def __init__(self, counters: Any, at: int):
        self.counters, self.at = counters, at

    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None:
        self.counters[self.at + 3] = seconds
        self.advance(time_s, gradient_steps)

    def advance(self, time_s: float, gradient_steps: int) -> None:
        self.counters[self.at : self.at + 3] = [1.0, time_s, gradient_steps]


class PairProcess:
    """What this process runs arms and seeds with.

    Args:
        work: What every process is given.
        counters: `FIELDS` numbers for each arm and seed, in which it says how far it has come.
    """

    def __init__(self, work: Work, counters: Any):
        self.scenario = Scenario.parse(work.scenario)
        planes = planes_of(self.scenario, work.executor, work.gradients)
        self.runner = PairRunner(self.scenario, planes)
        self.device = numeric(planes).device
        self.parts = Parts(Path(work.folder), work.identity, work.lasting)
        self.threads, self.every_s, self.counters = work.threads, work.checkpoint_every_s, counters
        self.places = {name: place for place, name in enumerate(self.scenario.arms)}

    def run(self, place: int, name: str, seed: int) -> dict[str, Any]:
        """Run an arm with a seed, and keep what it recorded. Returns its entry for the manifest."""
        shown = _Shown(self.counters, FIELDS * place)
        shown.advance(0.0, 0)
        number, entry = self.places[name], {"arm": name, "seed": seed, "status": "failed"}
        # Without a run directory what is recorded is read as soon as it has ended, all of it.
        record = PairRecord(name, seed, None if self.every_s is None else self.parts, number)
        saved = None if self.every_s is None else Checkpoints(self.parts, number, name, seed, self.every_s)
        with _threads(self.threads, self.scenario.arms[name]):
            self.runner.run(record, entry, shown, saved)
        self.parts.save(number, Part(entry, record.recorded()))
        if saved:
            saved.clear()
        return entry


_process: PairProcess | None = None


def _begin(work: Work, counters: Any) -> None:
    global _process
    _process = PairProcess(work, counters)


def _run_pair(given: tuple[int, str, int]) -> dict[str, Any]:
    assert _process is not None
    return _process.run(*given)


def _threads(threads: int, arm: Arm) -> AbstractContextManager[None]:
    if arm.problem is None:
        return nullcontext()  # the clock alone needs no torch
    from ..problems.threads import threads_for_torch

    return threads_for_torch(threads)
