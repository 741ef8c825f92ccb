"""The scenario: a YAML file as frozen, validated values, with every default written out."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr

from ..errors import ScenarioError
from ..files import yaml12
from ..files.trust import OWN, Trust, present, trusting
from ..problems.metrics import Measure
from ..schema.violations import Violation
from ..settings import Settings, Target
from .arm import Arm
from .cautions import cautions
from .overrides import at, difference, put
from .parsing import refuse_other_kinds, shared_and_arms
from .shared import Shared
from .unused import unused
from .yaml_file import read


class Scenario(Shared):
    """What to compare: shared settings, arms, and the seeds `seed`, `seed + 1`, … that every arm sees."""

    arms: dict[str, Arm]
    _written: dict[str, Any] = PrivateAttr(default_factory=dict)
    _trust: Trust = PrivateAttr(default=OWN)

    def __eq__(self, other: object) -> bool:
        """Return whether both describe the same runs, however they were written."""
        return isinstance(other, Scenario) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]

    @property
    def seeds(self) -> range:
        """Those of all repetitions, in order."""
        return range(self.seed, self.seed + self.repeats)

    @property
    def warnings(self) -> list[str]:
        """What may not be meant, `path = value: what it comes to`, though nothing is wrong with it."""
        return [str(caution) for caution in cautions(self)]

    @classmethod
    def parse(cls, data: Any, source: str = "scenario", alone: bool = True) -> Scenario:
        """Return the scenario of the mapping that a file holds.

        Args:
            data: The mapping.
            source: What messages call it.
            alone: Whether nothing but its arms can have a use for what it says; another point of a sweep might.

        Raises:
            ScenarioError: With all that is wrong with it.
        """
        refuse_other_kinds(data, source)
        shared, merged = shared_and_arms(data, source)
        scenario = cls.model_validate({**shared, "arms": merged})
        if twice := scenario._of_two_kinds():
            raise ScenarioError(source, [str(twice)])
        scenario._written, scenario._trust = copy.deepcopy(dict(data)), present()
        if alone and present().files and scenario.unused == "refuse" and (idle := unused([scenario])):
            raise ScenarioError(source, [str(each) for each in idle])
        return scenario

    def to_data(self) -> dict[str, Any]:
        """Return the mapping that `parse` reads back as this scenario: every default, and in each arm what differs."""
        dumped = self.model_dump(mode="json")
        arms = dumped.pop("arms")
        data = {key: dumped.pop(key) for key in Shared.__annotations__} | dumped
        data["arms"] = {
            name: {"algorithm": arm.pop("algorithm"), **difference(arm, data)} for name, arm in arms.items()
        }
        return data

    def written(self) -> dict[str, Any]:
        """Return the mapping that this scenario was parsed from, without the defaults."""
        return copy.deepcopy(self._written)

    def to_yaml(self) -> str:
        """Return `to_data` as the text of a file. Running that file gives the same run."""
        return yaml12.write(self.to_data())

    def override(self, changes: Mapping[str, Any], source: str = "override") -> Scenario:
        """Return this scenario with other values, as in `{"workers": 16, "problem.batch_size": 32}`. Raises
        ScenarioError.

        As if they stood in the file: what an arm says itself it keeps, and what it inherits changes with the source. A
        change that every arm keeps out is refused.
        """
        data = self.written()
        for path, value in changes.items():
            put(data, path, value, source)
        with trusting(self._trust):
            changed = Scenario.parse(data, source)
        idle = changed._kept_out(self, changes)
        if idle:
            rule = "has no effect: every arm has its own"
            raise ScenarioError(source, [str(Violation((path,), changes[path], rule)) for path in idle])
        return changed

    def _kept_out(self, before: Scenario, paths: Iterable[str]) -> list[str]:
        """Return those of the `paths` whose values differ from `before` in what arms share, but in no arm."""
        dumped, old = self.model_dump(mode="json"), before.model_dump(mode="json")
        arms = [(arm, old["arms"].get(name)) for name, arm in dumped["arms"].items()]
        return [
            path
            for path in paths
            if path.partition(".")[0] in Settings.model_fields
            and at(dumped, path) != at(old, path)
            and all(was is not None and at(arm, path) == at(was, path) for arm, was in arms)
        ]

    @property
    def trust(self) -> Trust:
        """What of the files and modules that it names may be looked at."""
        return self._trust

    @property
    def measured(self) -> dict[str, Measure]:
        """What is measured of the mean model in some arm, by column of `probes`."""
        found: dict[str, Measure] = {}
        for arm in self.arms.values():
            if arm.problem is not None:
                found = {**arm.problem.measures, **found}
        return found

    @property
    def metric_columns(self) -> list[str]:
        """Those of `probes` that not every run has, in the order of arms and metrics."""
        arms = [arm.problem.measures for arm in self.arms.values() if arm.problem is not None]
        columns = dict.fromkeys(column for measures in arms for column in measures)
        return [column for column in columns if column not in Target.model_fields]

    def _of_two_kinds(self) -> Violation | None:
        """Return a metric whose column has a different unit, or a different better direction, in another arm."""
        for name, arm in self.arms.items():
            for place, metric in enumerate(arm.problem.measured_metrics if arm.problem else ()):
                if metric.measure != self.measured[metric.column]:
                    rule = f"{metric.column} has another unit, or is better another way, in another arm"
                    return Violation(("arms", name, "problem", "metrics", str(place)), metric.name, rule)
        return None

    @property
    def imports(self) -> bool:
        """Whether modules that it names may be imported. They may not if it was opened with a run directory."""
        return self._trust.imports

    def trusted(self, imports: bool = True) -> Scenario:
        """Return the scenario with its named files read and, with `imports`, its algorithms imported, if that was not
        done yet.

        Raises:
            ScenarioError: If a file or an algorithm is not what the scenario says.
        """
        wanted = Trust(imports=imports)
        if self._trust in (wanted, OWN):
            return self
        with trusting(wanted):
            return Scenario.parse(self.written(), "scenario")

    def own_code(self) -> list[str]:
        """Return the names `package.module:name` of algorithms, models, data sets, losses and metrics that running it
        imports."""
        named = {arm.algorithm.name for arm in self.arms.values()}
        for arm in self.arms.values():
            if arm.problem:
                named |= {arm.problem.model.name, arm.problem.data.name if arm.problem.data else ""}
                named |= {arm.problem.loss or "", *(metric.name for metric in arm.problem.measured_metrics)}
        return sorted(name for name in named if ":" in name)


def load(path: str | Path) -> Scenario:
    """Read a scenario from a file. The user's own algorithms that it names are imported, which runs their code.

    Args:
        path: A YAML file.

    Raises:
        ScenarioError: If the scenario is invalid, with everything that is wrong with it.
    """
    return Scenario.parse(read(path), str(path))
