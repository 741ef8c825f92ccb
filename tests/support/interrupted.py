"""Runs that are cut off, and what their tables are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gossim.tables.columns import TABLES


class Stopped:
    """Progress that interrupts when `pairs` arms and seeds have ended and the next has come to `time_s`."""

    def __init__(self, pairs: int, time_s: float = 0.0):
        self.pairs, self.time_s = pairs, time_s
        self.began: list[tuple[str, int]] = []
        self.before: list[tuple[str, int]] = []
        self.came: list[float] = []
        self.resumed_after: list[tuple[float, int, float]] = []
        self.ended = 0

    def arm(self, name: str, seed: int, *_: Any) -> None:
        self.began.append((name, seed))

    def kept(self, name: str, seed: int) -> None:
        self.before.append((name, seed))

    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None:
        self.resumed_after.append((time_s, gradient_steps, seconds))

    def advance(self, time_s: float, _: int) -> None:
        self.came.append(time_s)
        if self.ended >= self.pairs and time_s >= self.time_s:
            raise KeyboardInterrupt

    def done(self, *_: Any) -> None:
        self.ended += 1

    def warn(self, message: str) -> None: ...


NEVER = 10**9


def table_bytes(run: Path) -> dict[str, bytes]:
    """The files of a run's tables."""
    return {name: (run / f"{name}.parquet").read_bytes() for name in TABLES}
