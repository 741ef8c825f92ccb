"""A run of the same scenario that ends while the viewer waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import InputError
from ..estimates.limits import cost, work_s
from ..files.trust import trusting
from ..scenario.overrides import plain
from ..scenario.scenario import Scenario

BUDGET_S = 0.35
"""Of one core, as estimated. The estimate may be off by a factor of two or three, which the page measures."""

REFUSED = 4
"""Times the budget."""

FEWEST_PROBES, MOST_PROBES = 20, 60

FEWEST_STEPS = 8.0
"""Of a worker: less shows nothing."""

SAMPLES = 256
"""On which losses are measured where the whole data set takes too long."""

SHORTEST = 0.1
"""A run that would be shorter than this part of the scenario's measures on SAMPLES."""

TRIES = 6


class Smaller(NamedTuple):
    """A smaller scenario, and what it leaves out, in words."""

    scenario: Scenario
    note: str


def smaller(scenario: Scenario, budget_s: float = BUDGET_S) -> Smaller:
    """Return the beginning of the scenario's first seed, as far as `budget_s` estimated seconds lead.

    Raises:
        InputError: Where even the shortest run takes too long.
    """
    few = _fitted(scenario, budget_s, samples=None)
    if few.share < SHORTEST and _has_samples(scenario):
        few = _fitted(scenario, budget_s, SAMPLES)
    if work_s(few.scenario) > REFUSED * BUDGET_S:
        raise InputError(
            f"even a short run takes about {work_s(few.scenario):.1f} s, too long to follow a slider: choose fewer "
            "workers or arms"
        )
    return Smaller(few.scenario, " ".join(_told(scenario, few)))


class _Fitted(NamedTuple):
    scenario: Scenario
    share: float
    samples: int | None


def _fitted(scenario: Scenario, budget_s: float, samples: int | None) -> _Fitted:
    share, least = 1.0, _least_share(scenario)
    for _ in range(TRIES):
        small = _shortened(scenario, share, samples)
        if (estimated_s := work_s(small)) <= budget_s or share == least:
            break
        share = max(share * min(0.9 * budget_s / estimated_s, 0.9), least)
    return _Fitted(small, share, samples)


def _least_share(scenario: Scenario) -> float:
    """Return the part of the run in which workers take FEWEST_STEPS on average, in the arm with the fewest."""
    steps = (cost(arm).events.steps / arm.workers for arm in scenario.arms.values())
    return min(1.0, max(FEWEST_STEPS / each for each in steps))


def _shortened(scenario: Scenario, share: float, samples: int | None) -> Scenario:
    """Return the first `share` of the scenario's first seed."""
    data = plain(scenario.written()) | {"repeats": 1}
    for own in _sections(data):
        if isinstance(own.get("until"), dict):
            own["until"] = {key: _part(key, value, share) for key, value in own["until"].items()}
        if samples is not None and isinstance(own.get("problem"), dict) and (own is data or "data" in own["problem"]):
            own["problem"]["evaluate"] = {"train_samples": samples, "test_samples": samples}
        end_s = (own.get("until") or data.get("until") or {}).get("time_s")
        if end_s and isinstance(own.get("probe"), dict) and isinstance(own["probe"].get("every_s"), int | float):
            every_s = min(max(own["probe"]["every_s"], end_s / MOST_PROBES), end_s / FEWEST_PROBES)
            own["probe"]["every_s"] = every_s
    with trusting(scenario.trust):
        return Scenario.parse(data, "these values")


def _sections(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield data
    yield from (own for own in data["arms"].values() if isinstance(own, dict))


def _part(key: str, value: Any, share: float) -> Any:
    if value is None or share == 1:
        return value
    return max(1, round(value * share)) if key == "gradient_steps" else float(f"{value * share:.2g}")


def _has_samples(scenario: Scenario) -> bool:
    return scenario.problem is not None and scenario.problem.data is not None


def _told(scenario: Scenario, few: _Fitted) -> Iterator[str]:
    small, until = few.scenario, few.scenario.until
    limits = {"time_s": "s of simulated time", "gradient_steps": "gradient steps", "epochs": "epochs"}
    if few.share < 1:
        parts = _limits(until.model_dump(), limits)
        whole = _limits(scenario.until.model_dump(), limits)
        yield f"A smaller run: it ends after {parts}, and the scenario's after {whole}."
    if scenario.repeats > 1:
        yield f"One seed, {small.seed}, of {scenario.repeats}."
    if few.samples is not None:
        yield f"Losses are measured on {few.samples} samples."
    if small.probe.every_s != scenario.probe.every_s:
        yield f"Probes are {small.probe.every_s:.3g} s apart, and the scenario's {scenario.probe.every_s:g} s."


def _limits(until: Mapping[str, float | None], names: Mapping[str, str]) -> str:
    return " or ".join(f"{value:g} {names[key]}" for key, value in until.items() if value is not None)
