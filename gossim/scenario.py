"""The scenario: a YAML file as frozen, validated values, with every default written out."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BeforeValidator, PrivateAttr, model_validator

from . import yaml12
from .algorithms import AnyAlgorithm
from .errors import ScenarioError
from .fields import AS_TUPLE, Count, Frozen, Lasting, Positive, Probability, must, named
from .merging import difference, merged_arm, put
from .optimizers import AnyOptimizer
from .problems import ProblemSettings
from .sim.chosen import Chosen
from .sim.compute import ComputeSettings, Pace
from .sim.faults import AnyFault
from .sim.network import NetworkSettings
from .sim.topology import AnyTopology, Complete
from .sim.trace import Trace
from .validation import MISSING, Problem, broken, broken_at, problems

LARGEST_SEED = 2**62
"""The tables hold seeds in 64 bits with a sign."""


class Until(Frozen):
    """What ends a run; whatever is reached first. `gradient_steps` and `epochs` count all workers together."""

    time_s: Positive | None = None
    gradient_steps: Count | None = None
    epochs: Positive | None = None

    @model_validator(mode="after")
    def _something_ends_it(self) -> Until:
        if self.time_s is None and self.gradient_steps is None and self.epochs is None:
            raise broken("must have at least one of time_s, gradient_steps, epochs")
        return self


class ProbeSettings(Frozen):
    """When to measure: every so many simulated seconds, and always at the start and at the end; and what besides.

    `gradient_gap`: how far each worker's gradient is from the one at the mean parameters, for two gradients of each
    worker at each probe. `layers`: the consensus distance in each of the model's parameter tensors.
    """

    every_s: Lasting
    gradient_gap: bool = False
    layers: bool = False


class Target(Frozen):
    """The goal whose time of arrival is compared: the first probe at which it is met. One of the three."""

    train_loss: Positive | None = None
    test_loss: Positive | None = None
    test_accuracy: Probability | None = None

    @model_validator(mode="after")
    def _one_goal(self) -> Target:
        if sum(goal is not None for goal in (self.train_loss, self.test_loss, self.test_accuracy)) != 1:
            raise broken("must have exactly one of train_loss, test_loss, test_accuracy")
        return self


class Settings(Frozen):
    """The sections that all arms share and that each arm may override."""

    until: Until
    workers: Count
    problem: Annotated[ProblemSettings | None, BeforeValidator(lambda value: None if value == "none" else value)]
    optimizer: AnyOptimizer | None = None
    compute: ComputeSettings
    network: NetworkSettings | None = None
    trace: Trace | None = None
    faults: Annotated[tuple[AnyFault, ...], AS_TUPLE] = ()
    topology: AnyTopology = Complete()
    probe: ProbeSettings
    dtype: Annotated[str, named("dtype", ("float32", "float64", "tf32"))] = "float32"
    device: Annotated[str, named("device", ("auto", "cpu", "cuda"))] = "auto"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.dtype == "tf32" and self.device == "cpu":
            raise broken_at(("dtype",), self.dtype, "is a way of GPUs, and here is device: cpu; use float32")
        if self.problem is not None and self.optimizer is None:
            raise broken_at(("optimizer",), None, "is required where there is a problem", MISSING)
        if self.problem is None and self.network is not None and self.network.message_bytes is None:
            raise broken_at(("network", "message_bytes"), None, "is required where there is no problem", MISSING)
        for key in ("gradient_gap", "layers"):
            if self.problem is None and getattr(self.probe, key):
                raise broken_at(("probe", key), True, "there is no problem, and so nothing to measure it on")
        if self.workers > 1 and self.network is None:
            raise broken_at(("network",), None, "is required where there is more than one worker", MISSING)
        self._network_fits(self.workers)
        unfit_topology = self.topology.unfit(self.workers)
        if unfit_topology:
            raise broken_at(("topology",), self.topology.model_dump(mode="json"), unfit_topology)
        self._numbers_are_workers(("compute", "stragglers"), self.compute.stragglers)
        self._numbers_are_workers(("faults",), self.faults)
        self._trace_fits()
        if self.until.epochs is not None and (self.problem is None or self.problem.data is None):
            what = f"the model '{self.problem.model.name}'" if self.problem else "no problem"
            rule = f"{what} has no data, and so no epochs"
            raise broken_at(("until", "epochs"), self.until.epochs, rule)
        return self

    def _network_fits(self, nodes: int) -> None:
        if self.network is None:
            return
        unfit = self.network.unfit(nodes)
        if unfit:
            key, rule = unfit
            server = f" (worker {self.workers} is the server)" if nodes > self.workers else ""
            raise broken_at(("network", key), self.network.model_dump(mode="json")[key], rule + server)

    def _numbers_are_workers(self, path: tuple[str, ...], rules: Sequence[Chosen]) -> None:
        for number, rule in enumerate(rules):
            for place, worker in enumerate(rule.workers or ()):
                if worker >= self.workers:
                    words = f"must be below {self.workers}: workers are numbered 0 to {self.workers - 1}"
                    raise broken_at((*path, number, "workers", place), worker, words)

    def _trace_fits(self) -> None:
        timed = self.compute.time_s == "trace"
        limited = self.network is not None and self.network.bandwidth_bytes_per_s == "trace"
        if self.trace is None:
            for path, used in ((("compute", "time_s"), timed), (("network", "bandwidth_bytes_per_s"), limited)):
                if used:
                    raise broken_at(path, "trace", "there is no `trace: {file: ...}` in the scenario")
            return
        unfit = self.trace.unfit(self.workers)
        if unfit and (timed or limited):
            raise broken_at(("trace",), self.trace.file, unfit)
        if timed and self.samples_per_gradient is None:
            raise broken_at(
                ("trace", "samples_per_gradient"), None, "is required where there is no batch_size", MISSING
            )

    @property
    def uses_trace(self) -> bool:
        """Whether compute times or bandwidths come from the trace."""
        return "trace" in (self.compute.time_s, self.network.bandwidth_bytes_per_s if self.network else None)

    @property
    def samples_per_gradient(self) -> int | None:
        """Samples that a worker of the trace computes on for one gradient; None where nothing says so."""
        own = self.trace.samples_per_gradient if self.trace else None
        return own or (self.problem.batch_size if self.problem else None)

    def gradient_s(self, seed: int, worker: int) -> Pace:
        """How long each gradient of `worker` takes, in seconds, one after the other."""
        traced_s = None
        if self.trace is not None and self.samples_per_gradient is not None:
            traced_s = self.trace.devices()[worker].s_per_sample * self.samples_per_gradient
        return self.compute.pace(seed, worker, self.workers, traced_s)


class Arm(Settings):
    """One way to do it: an algorithm and the settings it runs under, complete."""

    algorithm: AnyAlgorithm

    @model_validator(mode="after")
    def _algorithm_fits(self) -> Self:
        servers = self.algorithm.servers if self.workers > 1 else 0
        self._network_fits(self.workers + servers)
        if self.trace is not None and self.uses_trace and self.trace.unfit(self.workers + servers):
            raise broken_at(("trace",), self.trace.file, f"{self.trace.unfit(self.workers + servers)} and a server")
        unfit = self.algorithm.unfit(self)
        if unfit:
            raise broken_at(("algorithm",), self.algorithm.model_dump(mode="json"), unfit)
        return self


def _writable(text: str) -> bool:
    """Whether `text` can stand in a file: not, if half of a pair of surrogates is in it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


class Shared(Settings):
    """A scenario without its arms."""

    title: Annotated[str, must("a text that UTF-8 can write, without lone surrogates", _writable)] = ""
    seed: Annotated[int, must(f"a whole number from 0 to {LARGEST_SEED}", lambda n: 0 <= n <= LARGEST_SEED)] = 0
    repeats: Annotated[int, must(f"a whole number from 1 to {LARGEST_SEED}", lambda n: 1 <= n <= LARGEST_SEED)] = 1
    target: Target | None = None

    @model_validator(mode="after")
    def _target_is_measured(self) -> Self:
        for measure, goal in self.target or ():
            if goal is not None and (self.problem is None or measure not in self.problem.model.measures):
                whose = f"the model '{self.problem.model.name}'" if self.problem else "no problem"
                raise broken_at(("target", measure), goal, f"{whose} has none")
        return self


class Scenario(Shared):
    """What to compare: shared settings, arms, and the seeds `seed`, `seed + 1`, … that every arm sees."""

    arms: dict[str, Arm]
    _written: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Whether both describe the same runs, however they were written."""
        return isinstance(other, Scenario) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]

    @property
    def seeds(self) -> range:
        """Those of all repetitions, in order."""
        return range(self.seed, self.seed + self.repeats)

    @classmethod
    def parse(cls, data: Any, source: str = "scenario") -> Scenario:
        """A scenario from the mapping that a file holds. Raises ScenarioError with all that is wrong with it."""
        if not isinstance(data, Mapping):
            raise ScenarioError(source, ["must be a mapping of keys to values, as `title: ...` makes one"])
        if "sweep" in data:
            raise ScenarioError(source, ["sweep: describes many runs; use `gossim sweep`, or gossim.sweep in Python"])
        shared = {key: value for key, value in data.items() if key != "arms"}
        arms = data.get("arms")
        wrong = problems(Shared, shared)
        known = {(problem.path, problem.rule) for problem in wrong}
        if not isinstance(arms, Mapping) or not arms:
            shown = arms if "arms" in data else None
            wrong.append(Problem(("arms",), shown, "must be a mapping with at least one arm, `name: {algorithm: ...}`"))
            arms = {}
        sections = {key: value for key, value in shared.items() if key in Settings.model_fields}
        merged = {}
        for name, own in arms.items():
            if not isinstance(name, str) or not name.strip() or set(name) & set("$[]\\\n") or not _writable(name):
                rule = "must be a text without $, [, ], \\, line breaks and surrogates, to stand in tables and figures"
                wrong.append(Problem(("arms", f"{name}"), None, rule))
                continue
            if not isinstance(own, Mapping):
                wrong.append(Problem(("arms", str(name)), own, "must be a mapping with an `algorithm`"))
                continue
            merged[str(name)] = arm = merged_arm(sections, own)
            # What an arm inherits was judged above, and is told once, where it stands.
            wrong += [
                problem._replace(path=("arms", str(name), *problem.path))
                for problem in problems(Arm, arm)
                if (problem.path, problem.rule) not in known
            ]
        if wrong:
            raise ScenarioError(source, [str(problem) for problem in wrong])
        if shared.get("trace") is not None and not any(Arm.model_validate(arm).uses_trace for arm in merged.values()):
            rule = "is not used: write `trace` for compute.time_s, network.bandwidth_bytes_per_s or both"
            raise ScenarioError(source, [str(Problem(("trace",), shared["trace"], rule))])
        scenario = cls.model_validate({**shared, "arms": merged})
        scenario._written = copy.deepcopy(dict(data))
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

        As if they stood in the file: what an arm says itself it keeps, and what it inherits changes with the source.
        """
        data = self.written()
        for path, value in changes.items():
            put(data, path, value, source)
        return Scenario.parse(data, source)


def load(path: str | Path) -> Scenario:
    """The scenario in that file. Raises ScenarioError with everything that is wrong with it."""
    return Scenario.parse(read(path), str(path))


def read(path: str | Path) -> Any:
    """What stands in that file, not yet looked at. Raises ScenarioError if it cannot be read or is not YAML."""
    try:
        return yaml12.read(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ScenarioError(str(path), ["is not a text in UTF-8"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ScenarioError(str(path), [f"{place}not valid YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise ScenarioError(str(path), [f"not valid YAML: {' '.join(str(error).split())}"]) from None
