"""How far a run or a sweep has come, for what shows it."""

from __future__ import annotations

from typing import Protocol

from ..scenario.arm import Arm
from ..scenario.cautions import log_warnings
from ..scenario.sweep import Point


class Progress(Protocol):
    """The calls that a run makes as it proceeds."""

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None:
        """Report that arm `name` begins with `seed`. It ends after `gradient_steps`, if known.

        Where several run side by side, this is called again whenever another one is the present one.
        """

    def kept(self, name: str, seed: int) -> None:
        """Report that arm `name` with `seed` had ended before an unfinished run was continued."""

    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None:
        """The present arm goes on from there, to which it had come in `seconds` of wall time before it was cut off."""

    def advance(self, time_s: float, gradient_steps: int) -> None:
        """Report that the present arm has reached `time_s`, in simulated seconds, and `gradient_steps` of all
        workers.
        """

    def done(self, message: str | None) -> None:
        """Report that the present arm has ended with the present seed; `message` is its error, if any."""

    def warn(self, message: str) -> None:
        """Report a warning about an arm with a seed that has ended."""


class NoProgress:
    """Shows nothing of a run."""

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None: ...
    def kept(self, name: str, seed: int) -> None: ...
    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None: ...
    def advance(self, time_s: float, gradient_steps: int) -> None: ...
    def done(self, message: str | None) -> None: ...

    def warn(self, message: str) -> None:
        """Log the warning, so that it is seen where nothing else is shown."""
        log_warnings([message])


class SweepProgress(Protocol):
    """The calls that a sweep makes as it proceeds."""

    def begin(self, points: int, done: int) -> None:
        """Report that the sweep has `points`, of which `done` were run before."""

    def point(self, point: Point, error: str | None) -> None:
        """Report that a point has ended, well or with an error."""


class NoSweepProgress:
    """Shows nothing of a sweep."""

    def begin(self, points: int, done: int) -> None: ...
    def point(self, point: Point, error: str | None) -> None: ...
