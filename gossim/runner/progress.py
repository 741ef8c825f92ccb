"""How far a run or a sweep has come, for what shows it."""

from __future__ import annotations

from typing import Protocol

from ..scenario.arm import Arm
from ..scenario.cautions import log_warnings
from ..scenario.sweep import Point


class Progress(Protocol):
    """What a run calls as it goes."""

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None:
        """Arm `name` begins with `seed`, and is the present one. It ends after `gradient_steps`, if that is known.

        Where several run side by side, this is called again whenever another one is the present one.
        """

    def kept(self, name: str, seed: int) -> None:
        """Arm `name` with `seed` ended before an unfinished run was begun again."""

    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None:
        """The present arm goes on from there, to which it had come in `seconds` of wall time before it was cut off."""

    def advance(self, time_s: float, gradient_steps: int) -> None:
        """The present arm has come as far as `time_s`, in simulated seconds, and `gradient_steps` of all workers."""

    def done(self, message: str | None) -> None:
        """The present arm has ended with the present seed: well, or with an error, which is `message`."""

    def warn(self, message: str) -> None:
        """Something about an arm with a seed that has ended is to be known, as `message` says."""


class NoProgress:
    """Shows nothing of a run."""

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None: ...
    def kept(self, name: str, seed: int) -> None: ...
    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None: ...
    def advance(self, time_s: float, gradient_steps: int) -> None: ...
    def done(self, message: str | None) -> None: ...

    def warn(self, message: str) -> None:
        """Log it, so that it is seen where nothing else is shown."""
        log_warnings([message])


class SweepProgress(Protocol):
    """What a sweep calls as it goes."""

    def begin(self, points: int, done: int) -> None:
        """The sweep has `points`, of which `done` were run before."""

    def point(self, point: Point, error: str | None) -> None:
        """A point has ended: well, or with an error."""


class NoSweepProgress:
    """Shows nothing of a sweep."""

    def begin(self, points: int, done: int) -> None: ...
    def point(self, point: Point, error: str | None) -> None: ...
