"""What the timing plane knows at a probe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from .timeline import Activity


class Probed(Protocol):
    """A worker, as a probe sees it."""

    alpha: Any
    taken: int
    takes_part: bool
    gradients: int
    activity: Activity


class WorkerFacts(NamedTuple):
    """What the timing plane knows of one worker at a probe; `busy_s` is computing, `waiting_s` all other time; it
    `takes_part` unless it is down or on its way back. `gradients` were begun: it is the number of the next one."""

    steps: int
    alpha: Any
    busy_s: float
    waiting_s: float
    takes_part: bool
    gradients: int


class ByWorker(NamedTuple):
    """The facts of all workers, in order, column by column, because there may be a million."""

    steps: list[int]
    alpha: list[Any]
    busy_s: list[float]
    waiting_s: list[float]
    takes_part: list[bool]
    gradients: list[int]


class Facts(NamedTuple):
    """What the timing plane knows at a probe. Weights are None for algorithms without. Where it is `served`, the rows
    of the probe are those of the workers and, last, that of the server. `counts_for`: M n_m/n of each worker, where
    they count by their samples."""

    time_s: float
    gradient_steps: int
    bytes_sent: int
    bytes_carried: float
    messages_sent: int
    alpha_in_flight: Any
    alpha_lost: Any
    by_worker: ByWorker
    served: bool
    counts_for: Sequence[float] | None = None

    @property
    def workers(self) -> tuple[WorkerFacts, ...]:
        """One after the other."""
        return tuple(map(WorkerFacts, *self.by_worker))

    @property
    def participants(self) -> list[int]:
        """The workers over which means are taken: those that take part, or all where nobody does."""
        taking_part = self.by_worker.takes_part
        return [m for m, takes_part in enumerate(taking_part) if takes_part] or list(range(len(taking_part)))

    @property
    def shares(self) -> list[float]:
        """The weight in the mean of each of the `participants`; they sum to 1."""
        present = self.participants
        if self.counts_for is None:
            return [1 / len(present)] * len(present)
        total = sum(self.counts_for[m] for m in present)
        return [self.counts_for[m] / total for m in present]


def by_worker(workers: Sequence[Probed], unit: Any, weighted: bool) -> ByWorker:
    """Return the facts of these workers, all of whose steps are counted by now; `unit` is that of their weights."""
    return ByWorker(
        [worker.taken for worker in workers],
        [worker.alpha * unit for worker in workers] if weighted else [None] * len(workers),
        [worker.activity.busy_s for worker in workers],
        [worker.activity.waiting_s for worker in workers],
        [worker.takes_part for worker in workers],
        [worker.gradients for worker in workers],
    )
