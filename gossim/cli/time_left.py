"""How long a run will still take, from how long what is done of it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..scenario.scenario import Scenario

ArmAndSeed = tuple[str, int]
"""An arm's name and a seed."""

ENOUGH = 0.01
"""The share of an arm with a seed that has to be done before its length follows from what that took."""


class TimeLeft:
    """Estimates the wall time left.

    Each share of an arm takes as long as those of it that are done, with whatever seeds. Of an arm of which nothing is
    done, it takes as long as was estimated before the run, times how much longer than estimated the other arms take.

    Args:
        scenario: What is run.
        estimated_s: What each arm was estimated to take with one seed; only how they compare counts.
        jobs: How many arms and seeds run side by side.
        clock: Seconds of wall time.
    """

    def __init__(
        self,
        scenario: Scenario,
        estimated_s: Mapping[str, float],
        jobs: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.estimated_s, self.jobs, self.clock = estimated_s, jobs, clock
        self.to_come = {(name, seed) for seed in scenario.seeds for name in scenario.arms}
        self.began_s: dict[ArmAndSeed, float] = {}
        self.shares: dict[ArmAndSeed, float] = {}
        self.took_s: dict[ArmAndSeed, float] = {}

    def begin(self, key: ArmAndSeed) -> None:
        """Note that an arm with a seed begins now, unless it has begun."""
        if key in self.to_come:
            self.to_come.remove(key)
            self.began_s[key], self.shares[key] = self.clock(), 0.0

    def resume(self, key: ArmAndSeed, seconds: float) -> None:
        """It goes on from where it had come in `seconds`; the time to bring it there again does not count."""
        self.began_s[key] = self.clock() - seconds

    def advance(self, key: ArmAndSeed, share: float) -> None:
        """Note that this share of it is done, from 0 to 1."""
        self.shares[key] = share

    def end(self, key: ArmAndSeed) -> None:
        """Note that it has ended."""
        self.took_s[key] = self.clock() - self.began_s.pop(key)
        del self.shares[key]

    def skip(self, key: ArmAndSeed) -> None:
        """Note that it ended in an earlier run, in an unknown time."""
        self.to_come.remove(key)

    def of_arm(self, name: str) -> float | None:
        """Return the seconds of work left of an arm, all its seeds one after the other; None if unknown."""
        return self._sum([left for (arm, _), left in self._each().items() if arm == name])

    def in_all(self) -> float | None:
        """Return the seconds until the end of the run, or None if unknown."""
        each = list(self._each().values())
        total = self._sum(each)
        return total if total is None else max([total / self.jobs, *(left for left in each if left)])

    @staticmethod
    def _sum(parts: list[float | None]) -> float | None:
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    def _each(self) -> dict[ArmAndSeed, float | None]:
        """Return the seconds left for each arm and seed that has not ended."""
        lengths_s = self._lengths()
        shares = self.shares | dict.fromkeys(self.to_come, 0.0)
        return {
            key: None if (length_s := lengths_s.get(key[0])) is None else (1 - share) * length_s
            for key, share in shares.items()
        }

    def _lengths(self) -> dict[str, float]:
        """Return the seconds that each arm takes with a seed; empty if unknown."""
        now_s = self.clock()
        spent_s: dict[str, float] = {}
        done: dict[str, float] = {}
        for key, seconds in [*self.took_s.items(), *((key, now_s - began_s) for key, began_s in self.began_s.items())]:
            spent_s[key[0]] = spent_s.get(key[0], 0.0) + seconds
            done[key[0]] = done.get(key[0], 0.0) + self.shares.get(key, 1.0)
        known = {name: spent_s[name] / share for name, share in done.items() if share >= ENOUGH}
        expected_s = sum(self.estimated_s[name] for name in known)
        if not expected_s:
            return known
        longer = sum(known.values()) / expected_s
        return {name: seconds * longer for name, seconds in self.estimated_s.items()} | known


def told(seconds: float | None) -> str:
    """Return a duration as `1:05` or `2:03:04`; empty if it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
