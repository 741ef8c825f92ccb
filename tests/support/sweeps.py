"""A small sweep."""

from __future__ import annotations

from typing import Any

from gossim.scenario.sweep import Point
from support.scenarios import BASE

PUSH = "arms.push.algorithm.push_probability"


SWEPT: dict[str, Any] = {
    **BASE,
    "title": "A small sweep",
    "repeats": 2,
    "target": {"test_loss": 0.5},
    "arms": {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        "together": {"algorithm": {"name": "allreduce"}},
    },
    "sweep": {"workers": [2, 4], PUSH: [0.1, 1.0]},
}


class Watched:
    """Keeps what it is told, and may stop the sweep after some points."""

    def __init__(self, stop_after: int | None = None):
        self.stop_after = stop_after
        self.begun: tuple[int, int] | None = None
        self.points: list[tuple[Point, str | None]] = []

    def begin(self, points: int, done: int) -> None:
        self.begun = (points, done)

    def point(self, point: Point, error: str | None) -> None:
        self.points.append((point, error))
        if len(self.points) == self.stop_after:
            raise KeyboardInterrupt
