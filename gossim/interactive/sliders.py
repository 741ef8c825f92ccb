"""The sliders that mean something for a scenario, and what moving them changes in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import InputError, nearest
from ..files.trust import trusting
from ..scenario.overrides import at, plain, put
from ..scenario.scenario import Scenario

PROBABILITIES = ("push_probability", "pull_probability")
"""The parameters of algorithms that the slider p moves, in every arm that has one."""

MOST_WORKERS = 64

WORKERS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MOST_WORKERS)
FACTORS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0)
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LATENCIES_S = (0.0, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
AROUND = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Multiples of a value of the scenario's."""


class Slider(NamedTuple):
    """One slider.

    Attributes:
        key: Its name in the values that `changed` takes.
        label: What stands on the page, with the unit.
        values: Those it can have, ascending.
        start: The one that it has first.
    """

    key: str
    label: str
    values: tuple[float, ...]
    start: float


def sliders(scenario: Scenario) -> list[Slider]:
    """Return the sliders that change something in at least one arm."""
    return list(_sliders(scenario))


def changed(scenario: Scenario, values: Mapping[str, float], arms: Sequence[str]) -> Scenario:
    """Return the scenario with the sliders at `values`, and of its arms only `arms`.

    Raises:
        InputError: Where no arm or an unknown one is chosen, or a key has no slider.
        ScenarioError: Where these values do not fit together.
    """
    known = {slider.key: slider for slider in sliders(scenario)}
    for key in values:
        if key not in known:
            raise InputError(f"{key}: there is no such slider{nearest(key, known)}")
    for arm in arms:
        if arm not in scenario.arms:
            raise InputError(f"arms: unknown arm '{arm}'{nearest(arm, scenario.arms)}")
    if not arms:
        raise InputError("arms: choose at least one")
    data = plain(scenario.written())
    data["arms"] = {name: own for name, own in data["arms"].items() if name in arms}
    data["unused"] = "warn"  # what was said of workers that only the other arms have
    for key, value in values.items():
        if value != known[key].start or key == "workers":
            _put(scenario, data, key, value)
    with trusting(scenario.trust):
        return Scenario.parse(data, "these values")


def _put(scenario: Scenario, data: dict[str, Any], key: str, value: float) -> None:
    if key != "p":
        put(data, key, int(value) if key == "workers" else value, "these values")
        return
    for name, own in data["arms"].items():
        for parameter in PROBABILITIES:
            if hasattr(scenario.arms[name].algorithm, parameter):
                own["algorithm"][parameter] = value


def _sliders(scenario: Scenario) -> Iterator[Slider]:
    dumped = scenario.model_dump(mode="json")
    several = any(arm.workers > 1 for arm in scenario.arms.values())
    for place, rule in enumerate(at(dumped, "compute.stragglers") or ()):
        key = f"compute.stragglers.{place}.factor"
        if isinstance(rule.get("factor"), float) and _followed(dumped, key):
            which = "" if place == 0 else f" of rule {place}"
            yield _slider(key, f"slow factor{which}", FACTORS, rule["factor"])
    if (p := _probability(scenario)) is not None:
        yield _slider("p", "p, probability of a push or pull after a step", SHARES, p)
    if several and _followed(dumped, "workers"):
        yield _slider("workers", "workers", WORKERS, min(scenario.workers, MOST_WORKERS))
    for key, label in (("latency_s", "latency [s]"), ("bandwidth_bytes_per_s", "bandwidth [bytes/s]")):
        path = f"network.{key}"
        value = at(dumped, path)
        if several and isinstance(value, float) and value < float("inf") and _followed(dumped, path):
            values = LATENCIES_S if key == "latency_s" else tuple(value * factor for factor in AROUND)
            yield _slider(path, label, values, value)
    rate = at(dumped, "optimizer.learning_rate")
    if isinstance(rate, float) and scenario.problem is not None and _followed(dumped, "optimizer.learning_rate"):
        yield _slider("optimizer.learning_rate", "learning rate", tuple(rate * factor for factor in AROUND), rate)


def _slider(key: str, label: str, values: Sequence[float], start: float) -> Slider:
    rounded = {float(f"{value:.6g}") for value in values if float(f"{value:.6g}") != float(f"{start:.6g}")}
    return Slider(key, label, tuple(sorted({*rounded, start})), start)


def _followed(dumped: Mapping[str, Any], path: str) -> bool:
    """Return whether some arm has the shared value."""
    return any(at(arm, path) == at(dumped, path) for arm in dumped["arms"].values())


def _probability(scenario: Scenario) -> float | None:
    """Return the probability of the first arm that gossips with one."""
    for arm in scenario.arms.values():
        for parameter in PROBABILITIES:
            value = getattr(arm.algorithm, parameter, None)
            if isinstance(value, float) and arm.workers > 1:
                return value
    return None
