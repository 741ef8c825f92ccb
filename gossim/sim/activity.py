"""What each worker spends its time on."""

from __future__ import annotations

from typing import Literal, NamedTuple

import simpy

Kind = Literal["computing", "waiting", "sending", "message"]


class Interval(NamedTuple):
    """Worker `worker` did `activity` from `start_s` to `end_s`.

    `computing`, `waiting` and `sending` follow each other without gap; `sending` is a collective in progress, during
    which the worker can do nothing else. `message` is a message of that worker's on its way while the worker goes on.
    """

    worker: int
    activity: Kind
    start_s: float
    end_s: float


class Timeline:
    """The first `limit` intervals of a run, in the order in which they ended: enough for a picture, bounded memory."""

    def __init__(self, limit: int):
        self.limit = limit
        self.intervals: list[Interval] = []

    def add(self, worker: int, activity: Kind, start_s: float, end_s: float) -> None:
        if end_s > start_s and len(self.intervals) < self.limit:
            self.intervals.append(Interval(worker, activity, start_s, end_s))


class Activity:
    """One worker's present occupation, and the seconds spent on each so far."""

    def __init__(self, env: simpy.Environment, timeline: Timeline, worker: int):
        self.env = env
        self.timeline = timeline
        self.worker = worker
        self.kind: Kind = "waiting"
        self.since_s = env.now
        self._spent_s: dict[Kind, float] = {}

    def enter(self, kind: Kind) -> None:
        """From now on the worker does `kind`."""
        now = self.env.now
        if now > self.since_s:
            self._spent_s[self.kind] = self.spent_s(self.kind)
            self.timeline.add(self.worker, self.kind, self.since_s, now)
            self.since_s = now
        self.kind = kind

    def spent_s(self, kind: Kind) -> float:
        """Seconds spent on `kind` until now, the present spell included."""
        present = self.env.now - self.since_s if kind == self.kind else 0.0
        return self._spent_s.get(kind, 0.0) + present
