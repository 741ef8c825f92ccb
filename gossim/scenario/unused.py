"""What a scenario says of workers that none of its arms has, and rules that choose nobody.

Neither does anything, so both are mistakes: a file whose workers are numbered from 1, a fraction of too few workers.
What is shared by arms of different numbers of workers need not concern every one of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..cluster.bandwidth import UpDown
from ..cluster.latency import LatencyMatrix, Regions
from ..cluster.link_rates import PAIRED
from ..cluster.replay import Replay
from ..cluster.selection import Chosen
from ..schema.violations import Violation

if TYPE_CHECKING:
    from ..settings import Settings
    from .scenario import Scenario

Path = tuple[str, ...]


class Names(Protocol):
    """A section that refers to single workers."""

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""


class Named(NamedTuple):
    """Where such a section stands; `nodes`: whether a server, which comes after the last worker, may be named too."""

    path: Path
    section: Names
    nodes: bool


def _named(settings: Settings) -> Iterator[Named]:
    network = settings.network
    if network is not None:
        if isinstance(network.latency_s, LatencyMatrix | Regions):
            yield Named(("network", "latency_s"), network.latency_s, True)
        if isinstance(network.bandwidth_bytes_per_s, (UpDown, *PAIRED)):
            yield Named(("network", "bandwidth_bytes_per_s"), network.bandwidth_bytes_per_s, True)
        for number, partition in enumerate(network.partitions):
            yield Named(("network", "partitions", str(number)), partition, True)
    yield Named(("topology",), settings.topology, False)
    if isinstance(settings.compute.time_s, Replay):
        yield Named(("compute", "time_s"), settings.compute.time_s, False)
    for path, rule in rules(settings):
        yield Named(path, rule, False)


def rules(settings: Settings) -> Iterator[tuple[Path, Chosen]]:
    """Return the rules that choose workers, each with its place."""
    for number, straggler in enumerate(settings.compute.stragglers):
        yield ("compute", "stragglers", str(number)), straggler
    for number, fault in enumerate(settings.faults):
        yield ("faults", str(number)), fault


class Use(NamedTuple):
    """How many workers the arms have at the most that a section stands in, and where it stands."""

    path: Path
    section: Any
    workers: int


def unused(scenarios: Iterable[Scenario]) -> list[Violation]:
    """Return what no arm of any of these scenarios, the points of one sweep, uses."""
    uses: dict[Hashable, Use] = {}
    for scenario in scenarios:
        shared = {(named.path, named.section) for named in _named(scenario)}
        for name, arm in scenario.arms.items():
            for path, section, nodes in _named(arm):
                where = path if (path, section) in shared else ("arms", name, *path)
                workers = arm.nodes if nodes else arm.workers
                if isinstance(section, Chosen) and section.fraction:
                    workers = workers if section.count(workers) else 0
                # An arm with fewer workers may have fewer numbers in the same rule.
                whose = section.model_copy(update={"workers": None}) if isinstance(section, Chosen) else section
                _note(uses, (path, whose), Use(where, section, workers))
    found = {str(problem): problem for use in uses.values() if (problem := _violation(use)) is not None}
    return list(found.values())


def _note(uses: dict[Hashable, Use], key: Hashable, use: Use) -> None:
    before = uses.get(key)
    if before is None or use.workers > before.workers:
        uses[key] = use if before is None else before._replace(workers=use.workers)


def _violation(use: Use) -> Violation | None:
    if isinstance(use.section, Chosen) and use.section.fraction and not use.workers:
        return Violation((*use.path, "fraction"), use.section.fraction, "chooses none of the workers of any arm")
    told = use.section.beyond(use.workers)
    if told is None:
        return None
    rule = f"{told}, and no arm has that worker: they are numbered 0 to {use.workers - 1}"
    return Violation(use.path, use.section.model_dump(mode="json"), rule)


def choosing_nobody(scenario: Scenario) -> dict[tuple[Path, float], list[str]]:
    """Return the arms in which a positive fraction chooses no worker, by its place and value."""
    found: dict[tuple[Path, float], list[str]] = {}
    shared = set(rules(scenario))
    for name, arm in scenario.arms.items():
        for path, rule in rules(arm):
            if rule.fraction and not rule.count(arm.workers):
                where = path if (path, rule) in shared else ("arms", name, *path)
                found.setdefault(((*where, "fraction"), rule.fraction), []).append(name)
    return found
