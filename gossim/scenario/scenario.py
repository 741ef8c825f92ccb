"""The scenario: a YAML file as frozen, validated values, with every default written out."""

from __future__ import annotations

import copy
import errno
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import PrivateAttr, model_validator

from ..errors import ScenarioError, nearest
from ..files import yaml12
from ..files.schema_version import RULE, SCHEMA_VERSION, other_version
from ..files.trust import OWN, Trust, present, trusting
from ..problems.metrics import Measure
from ..schema.bounds import Bounds
from ..schema.fields import AS_WHOLE, must, named
from ..schema.violations import Violation, broken_at, shown_name, violations
from ..settings import Settings, Target
from .arm import Arm
from .cautions import cautions
from .overrides import at, difference, merged_arm, put
from .unused import unused

LARGEST_SEED = 2**62
"""The tables hold seeds in 64 bits with a sign."""


LONGEST_NAME, LONGEST_TITLE = 200, 1000
"""Characters: a figure has room for no more."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters, halves of surrogate pairs and what is no character: XML, and so SVG, has no place for them."""


def _writable(text: str) -> bool:
    """Whether `text` can stand on a line of any file."""
    return not UNPRINTABLE.search(text)


def _title(text: str) -> bool:
    return _writable(re.sub("[\t\n]", " ", text)) and len(text) <= LONGEST_TITLE


TITLE_RULE = (
    "a text that UTF-8 can write, without lone surrogates, nor control characters, of at most "
    f"{LONGEST_TITLE:,} characters"
)


class Shared(Settings):
    """A scenario without its arms.

    `schema_version`: the version of what its keys mean, which is the current one unless it is given. `unused`: what
    becomes of a scenario that says something of workers that no arm has, or a fraction that chooses nobody: `refuse`
    it, or `warn`.
    """

    schema_version: Annotated[
        int, Bounds(RULE.removeprefix("must be "), ge=SCHEMA_VERSION, le=SCHEMA_VERSION), AS_WHOLE
    ] = SCHEMA_VERSION
    title: Annotated[str, must(TITLE_RULE, _title)] = ""
    seed: Annotated[int, Bounds(f"a whole number from 0 to {LARGEST_SEED}", ge=0, le=LARGEST_SEED), AS_WHOLE] = 0
    repeats: Annotated[int, Bounds(f"a whole number from 1 to {LARGEST_SEED}", ge=1, le=LARGEST_SEED), AS_WHOLE] = 1
    target: Target | None = None
    unused: Annotated[str, named("way to treat what no arm uses", ("refuse", "warn"))] = "refuse"

    @model_validator(mode="after")
    def _target_is_measured(self) -> Self:
        for measure, goal in self.target or ():
            if goal is None:
                continue
            if not self.measures(measure):
                whose = f"the model '{self.problem.model.name}'" if self.problem else "no problem"
                known = self.problem.measures if self.problem else ()
                if self.problem and self.problem.data:
                    whose = f"problem.data = {self.problem.data.name} with these metrics"
                raise broken_at(("target", measure), goal, f"{whose} has none{nearest(measure, known)}")
            if self.problem and self.problem.measures[measure].better is None:
                rule = "which way is better? say so: problem.metrics: [{name: package.module:function, better: higher}]"
                raise broken_at(("target", measure), goal, rule)
        return self


ARM_RULE = (
    "must be a text without $, [, ], \\, line breaks and surrogates, to stand in tables and figures; nor may it have "
    f"other control characters, or more than {LONGEST_NAME}"
)


def _names_an_arm(name: Any) -> bool:
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        return False
    return _writable(name) and not set(name) & set("$[]\\")


class Scenario(Shared):
    """What to compare: shared settings, arms, and the seeds `seed`, `seed + 1`, … that every arm sees."""

    arms: dict[str, Arm]
    _written: dict[str, Any] = PrivateAttr(default_factory=dict)
    _trust: Trust = PrivateAttr(default=OWN)

    def __eq__(self, other: object) -> bool:
        """Whether both describe the same runs, however they were written."""
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
        """A scenario from the mapping that a file holds.

        Args:
            data: The mapping.
            source: What messages call it.
            alone: Whether nothing but its arms can have a use for what it says; another point of a sweep might.

        Raises:
            ScenarioError: With all that is wrong with it.
        """
        if not isinstance(data, Mapping):
            raise ScenarioError(source, ["must be a mapping of keys to values, as `title: ...` makes one"])
        if (version := other_version(data)) is not None:  # its keys may mean something else
            raise ScenarioError(source, [str(Violation(("schema_version",), version, RULE))])
        if "sweep" in data:
            raise ScenarioError(source, ["sweep: describes many runs; use `gossim sweep`, or gossim.sweep in Python"])
        shared = {key: value for key, value in data.items() if key != "arms"}
        arms = data.get("arms")
        wrong = violations(Shared, shared)
        known = {(each.path, each.rule) for each in wrong}
        if not isinstance(arms, Mapping) or not arms:
            shown = arms if "arms" in data else None
            wrong.append(
                Violation(("arms",), shown, "must be a mapping with at least one arm, `name: {algorithm: ...}`")
            )
            arms = {}
        sections = {key: value for key, value in shared.items() if key in Settings.model_fields}
        merged = {}
        for name, own in arms.items():
            if not _names_an_arm(name):
                wrong.append(Violation(("arms", shown_name(name)), None, ARM_RULE))
                continue
            if not isinstance(own, Mapping):
                wrong.append(Violation(("arms", str(name)), own, "must be a mapping with an `algorithm`"))
                continue
            merged[str(name)] = arm = merged_arm(sections, own)
            # What an arm inherits was checked above, and is reported once, where it stands.
            wrong += [
                each._replace(path=("arms", str(name), *each.path))
                for each in violations(Arm, arm)
                if (each.path, each.rule) not in known
            ]
        if wrong:
            raise ScenarioError(source, [str(each) for each in wrong])
        if shared.get("trace") is not None and not any(Arm.model_validate(arm).uses_trace for arm in merged.values()):
            rule = "is not used: write `trace` for compute.time_s, network.bandwidth_bytes_per_s or both"
            raise ScenarioError(source, [str(Violation(("trace",), shared["trace"], rule))])
        scenario = cls.model_validate({**shared, "arms": merged})
        if twice := scenario._of_two_kinds():
            raise ScenarioError(source, [str(twice)])
        scenario._written, scenario._trust = copy.deepcopy(dict(data)), present()
        if alone and present().files and scenario.unused == "refuse" and (idle := unused([scenario])):
            raise ScenarioError(source, [str(each) for each in idle])
        return scenario

    def to_data(self) -> dict[str, Any]:
        """The mapping that `parse` reads back as this scenario: every default, and in each arm what differs."""
        dumped = self.model_dump(mode="json")
        arms = dumped.pop("arms")
        data = {key: dumped.pop(key) for key in Shared.__annotations__} | dumped
        data["arms"] = {
            name: {"algorithm": arm.pop("algorithm"), **difference(arm, data)} for name, arm in arms.items()
        }
        return data

    def written(self) -> dict[str, Any]:
        """The mapping that this scenario was parsed from, without the defaults."""
        return copy.deepcopy(self._written)

    def to_yaml(self) -> str:
        """`to_data` as a file, which run again gives the same run."""
        return yaml12.write(self.to_data())

    def override(self, changes: Mapping[str, Any], source: str = "override") -> Scenario:
        """This scenario with other values, `{"workers": 16, "problem.batch_size": 32}`. Raises ScenarioError.

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
        """Those of the `paths` whose values differ from `before` in what arms share, and in no arm."""
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
        """A metric whose column has another unit, or is better another way, in another arm."""
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


def read(path: str | Path) -> Any:
    """Read a YAML file, without checking that it is a scenario.

    Raises:
        ScenarioError: If it cannot be read or is not YAML.
    """
    try:
        return yaml12.read(_text(Path(path)))
    except OSError as error:
        raise ScenarioError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:  # of what is read; a path may be in any encoding
        raise ScenarioError(str(path), ["is not a text in UTF-8"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ScenarioError(str(path), [f"{place}not valid YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise ScenarioError(str(path), [f"not valid YAML: {' '.join(str(error).split())}"]) from None


def _text(path: Path) -> str:
    """Return the text of an ordinary file; a pipe may never end.

    Raises:
        OSError, UnicodeDecodeError, yaml.YAMLError: If it has none.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise yaml.YAMLError("it is no ordinary file")
        content = file.read(4 * yaml12.LARGEST_TEXT + 1)  # of four bytes each at most
    if len(content) > 4 * yaml12.LARGEST_TEXT:
        raise yaml.YAMLError(f"it is larger than {4 * yaml12.LARGEST_TEXT:,} bytes")
    return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
