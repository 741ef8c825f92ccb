"""What each worker spends its time on."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..units import PER_SECOND
from .clock import Clock

ActivityKind = Literal["computing", "waiting", "sending", "down", "message"]

TIMELINE_INTERVALS = 20_000
"""How many a run keeps, of the first seed of each arm."""


class Interval(NamedTuple):
    """Worker `worker` did `activity` from `start_s` to `end_s`.

    `computing`, `waiting`, `sending` and `down` follow each other without gap; `sending` is a collective in progress,
    during which the worker can do nothing else. `message` is a message of that worker's on its way while it goes on,
    of `size_bytes` to `receiver`, with the weight `alpha` where there are weights; other activities have none of these.
    """

    worker: int
    activity: ActivityKind
    start_s: float
    end_s: float
    receiver: int | None = None
    size_bytes: int | None = None
    alpha: float | None = None


class Timeline:
    """The first `limit` intervals of a run, in the order in which they ended: enough for a picture, with bounded
    memory.
    """

    def __init__(self, clock: Clock, limit: int):
        self.clock = clock
        self.limit = limit
        self.intervals: list[Interval] = []

    @property
    def full(self) -> bool:
        return len(self.intervals) >= self.limit

    def add(
        self,
        worker: int,
        activity: ActivityKind,
        start: int,
        end: int,
        receiver: int | None = None,
        size_bytes: int | None = None,
        alpha: float | None = None,
    ) -> None:
        """Add an interval from `start` to `end`, in ticks."""
        if end > start and not self.full:
            start_s, end_s = start / PER_SECOND, end / PER_SECOND
            self.intervals.append(Interval(worker, activity, start_s, end_s, receiver, size_bytes, alpha))


class Activity:
    """One worker's present occupation, and the ticks spent on each kind before it."""

    __slots__ = ("computing", "down", "kind", "sending", "since", "timeline", "waiting", "worker")

    def __init__(self, timeline: Timeline, worker: int):
        self.timeline = timeline
        self.worker = worker
        self.kind: ActivityKind = "waiting"
        self.since = timeline.clock.now
        self.computing = self.waiting = self.sending = self.down = 0

    def enter(self, kind: ActivityKind) -> None:
        """Begin the activity `kind`, in a new interval as long as the timeline is kept."""
        timeline = self.timeline
        if kind == self.kind and timeline.full:
            return
        now = timeline.clock.now
        if now > self.since:
            setattr(self, self.kind, getattr(self, self.kind) + now - self.since)
            timeline.add(self.worker, self.kind, self.since, now)
            self.since = now
        self.kind = kind

    @property
    def busy_s(self) -> float:
        """Seconds spent computing until now, the present spell included."""
        return self.spent_s("computing")

    @property
    def waiting_s(self) -> float:
        """Seconds spent on anything else until now."""
        return (self.timeline.clock.now - self._ticks("computing")) / PER_SECOND

    def spent_s(self, kind: ActivityKind) -> float:
        """Return the seconds spent on `kind` until now, including the present interval."""
        return self._ticks(kind) / PER_SECOND

    def _ticks(self, kind: ActivityKind) -> int:
        spent: int = getattr(self, kind)
        return spent + self.timeline.clock.now - self.since if self.kind == kind else spent
