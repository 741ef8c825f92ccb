"""What the paired comparison of the arms says, in words."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ..tables.run_data import RunData
from .comparison import compare, ended_runs
from .summary import TIME_TO_TARGET

FEW_ARMS = 3
"""Up to this number of arms, every pair gets a sentence; with more arms, each is compared with the first."""

COARSE = 0.05
"""The resolution is stated if the interval between probes exceeds this share of the time to the target."""

ROUNDING = 1e-9
"""A ratio within this distance of 1 is treated as 1: floating point cannot resolve it."""


def sentences(results: RunData) -> list[str]:
    """Compare pairs of arms in words, one sentence for each pair.

    They compare the time to the target if the scenario has one, and otherwise the loss at the end.
    """
    pairs = compare(results)
    if len(results.scenario.arms) > FEW_ARMS:
        pairs = pairs[pairs["first"] == next(iter(results.scenario.arms))]
    runs = ended_runs(results)
    said = []
    for _, rows in pairs.groupby(["first", "second"], sort=False):
        by_measure = {row["measure"]: row for _, row in rows.iterrows()}
        if TIME_TO_TARGET in by_measure:
            said.append(_Arrival(results, runs, by_measure[TIME_TO_TARGET]).sentence())
        else:
            measure = next(name for name in ("test_loss", "train_loss", "test_accuracy") if name in by_measure)
            said.append(_difference(by_measure[measure], runs))
    return said


def _unmeasured(first: str, second: str, measure: str, runs: pd.DataFrame) -> str | None:
    """Say which of two arms finished without `measure`, because its problem has none; None if neither did."""
    measured = runs[runs["status"] == "complete"].groupby("arm")[measure].count()
    without = [arm for arm in (first, second) if measured.get(arm) == 0]
    if not without:
        return None
    words = measure.replace("_", " ")
    who = f"{without[0]} has no {words}" if len(without) == 1 else f"neither has a {words}"
    return f"{first} and {second} cannot be compared: {who}."


def _difference(row: Any, runs: pd.DataFrame) -> str:
    first, second, words = row["first"], row["second"], row["measure"].replace("_", " ")
    missing = row["seeds"] - row["pairs"]
    unfinished = f"; of {_count(row['seeds'])}, {missing} did not finish under both" if missing else ""
    if not row["pairs"]:
        unmeasured = _unmeasured(first, second, row["measure"], runs)
        return unmeasured or f"{first} and {second} cannot be compared: in no seed did both finish."
    if row["estimate"] == 0 and math.isnan(row["low"]):
        return f"{first} and {second} end with the same {words} ({_count(row['pairs'])}){unfinished}."
    estimate, low, high = row["estimate"], row["low"], row["high"]
    if low <= 0 <= high:
        found = f"{estimate:.3g}, {_interval(low, high, '{:.3g}'.format, row['pairs'])}"
        return f"{first} vs {second}, {words} at the end: no significant difference ({found}){unfinished}."
    side = "below" if estimate < 0 else "above"
    low, high = sorted([abs(low), abs(high)])
    found = _interval(low, high, "{:.3g}".format, row["pairs"])
    return f"{first} ends with {words} {abs(estimate):.3g} {side} that of {second} ({found}){unfinished}."


class _Arrival:
    """The sentence on one pair's time to the target."""

    def __init__(self, results: RunData, runs: pd.DataFrame, row: Any):
        self.row, self.runs = row, runs
        self.names = (row["first"], row["second"])
        self.every_s = max(results.scenario.arms[name].probe.every_s for name in self.names)
        target = results.scenario.target
        assert target is not None
        self.measure, self.goal = target.measure, target.words
        seeds = set.intersection(*(set(runs.loc[runs["arm"] == name, "seed"]) for name in self.names))
        self.of = {name: runs[(runs["arm"] == name) & runs["seed"].isin(seeds)] for name in self.names}

    def sentence(self) -> str:
        first, second = self.names
        row, goal = self.row, self.goal
        if not math.isnan(row["estimate"]):
            return self._ratio()
        if unmeasured := _unmeasured(first, second, self.measure, self.runs):
            return unmeasured
        if row["at_least"] > 1 + ROUNDING:
            return self._bound(first, second, row["at_least"])
        if 1 / row["at_most"] > 1 + ROUNDING:
            return self._bound(second, first, 1 / row["at_most"])
        if any((self.of[name][TIME_TO_TARGET] == 0).any() for name in self.names):
            return f"{goal} is met before the first step: the times of {first} and {second} cannot be compared."
        if all(self._ended_without(name) for name in self.names):
            ends = " and ".join(dict.fromkeys(self._end(name) for name in self.names))
            seeds = len(self.of[first])
            return f"Neither {first} nor {second} reached {goal} by {ends}" + (
                f" in any of {seeds} seeds." if seeds > 1 else " (1 seed)."
            )
        return f"{self._reached(first)}; {self._reached(second)}: their times cannot be compared."

    def _ratio(self) -> str:
        (first, second), goal, row = self.names, self.goal, self.row
        estimate, low, high, pairs = row["estimate"], row["low"], row["high"], row["pairs"]
        if abs(estimate - 1) <= ROUNDING and math.isnan(low):
            return f"{first} and {second} reach {goal} at the same probe, of one every {self.every_s:g} s{_all(pairs)}."
        if low <= 1 + ROUNDING and high >= 1 - ROUNDING:
            found = f"{_times(estimate)}×, {_interval(low, high, _times, pairs)}{self._resolution()}"
            return f"{first} vs {second}, time to {goal}: no significant difference ({found})."
        word = "sooner"
        if estimate < 1:
            word, estimate, low, high = "later", 1 / estimate, 1 / high, 1 / low
        found = f"{_interval(low, high, _times, pairs)}{self._resolution()}"
        return f"{first} reaches {goal} {_times(estimate)}× {word} than {second} ({found})."

    def _bound(self, sooner: str, never: str, bound: float) -> str:
        decimals = 0 if bound >= 10 else max(2, _decimals(bound))
        least = math.floor(bound * 10**decimals) / 10**decimals
        seeds = _all(len(self.of[never]))
        return (
            f"{sooner} reaches {self.goal} at least {_plain(least, decimals)}× sooner than {never}{seeds}: "
            f"{never} had not reached it by {self._end(never)}{self._resolution()}."
        )

    def _reached(self, name: str) -> str:
        own, broken = self.of[name], self._broken(name)
        reached = own[TIME_TO_TARGET].notna().sum()
        by = f" by {self._end(name)}" if own["time_s"].notna().any() else ""
        return f"{name} reached {self.goal} in {reached} of {_count(len(own))}{by}" + (f" ({broken})" if broken else "")

    def _ended_without(self, name: str) -> bool:
        """Return whether all runs ended well and none reached the target."""
        ended = bool(self.of[name]["time_s"].notna().any())
        return ended and not self._arrived(name) and not self._broken(name)

    def _broken(self, name: str) -> str:
        """Say how many runs did not end well; nothing if all did."""
        statuses = self.of[name]["status"]
        counts = {status: (statuses == status).sum() for status in ("diverged", "failed")}
        return ", ".join(f"{count} {status}" for status, count in counts.items() if count)

    def _end(self, name: str) -> str:
        """Say when the runs that finished ended."""
        end_s = self.of[name]["time_s"].dropna()
        if f"{end_s.min():.3g}" == f"{end_s.max():.3g}":
            return f"{end_s.max():.3g} s"
        return f"the end of its runs, at {end_s.min():.3g} to {end_s.max():.3g} s"

    def _resolution(self) -> str:
        shortest_s = min(self.of[name][TIME_TO_TARGET].mean() for name in self.names if self._arrived(name))
        return f"; resolution {self.every_s:g} s" if self.every_s > COARSE * shortest_s else ""

    def _arrived(self, name: str) -> bool:
        return bool(self.of[name][TIME_TO_TARGET].notna().any())


def _interval(low: float, high: float, form: Any, pairs: int) -> str:
    if not math.isnan(low):
        dash = "–" if low >= 0 else " to "
        return f"95% CI {form(low)}{dash}{form(high)}, {pairs} paired seeds"
    return "one paired seed, no interval" if pairs == 1 else f"the same in all {pairs} paired seeds"


def _decimals(ratio: float) -> int:
    """Return the decimals at which a ratio's difference from 1 has two significant digits."""
    return 1 + math.ceil(-math.log10(max(abs(ratio - 1), ROUNDING)))


def _plain(number: float, decimals: int) -> str:
    """Format a number with that many decimals, without trailing zeros."""
    shown = f"{number:,.{decimals}f}"
    return shown.rstrip("0").rstrip(".") if decimals else shown


def _times(ratio: float) -> str:
    """Format a ratio with two digits, or, close to 1, with enough digits to show the difference."""
    if 0.9 < ratio < 1.1:
        return f"{ratio:.2f}" if f"{ratio:.2f}" != "1.00" else _plain(ratio, _decimals(ratio))
    if ratio >= 10:
        return f"{ratio:,.0f}" if ratio < 1e6 else f"{ratio:.2g}"
    return f"{ratio:.1f}" if ratio > 1 else f"{ratio:.2g}"


def _count(seeds: int) -> str:
    return "1 seed" if seeds == 1 else f"{seeds} seeds"


def _all(seeds: int) -> str:
    return " (1 seed)" if seeds == 1 else f" in each of {seeds} seeds"
