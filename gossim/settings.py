"""What an arm runs under: the sections of a scenario that all arms share, and how they must fit together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, GetJsonSchemaHandler, model_validator

from .cluster.compute_time import ComputeSettings, Pace
from .cluster.device_trace import Trace
from .cluster.faults import AnyFault
from .cluster.network import SHARINGS, NetworkSettings
from .cluster.replay import Replay
from .cluster.selection import Chosen
from .cluster.topology import AnyTopology, Complete
from .errors import nearest
from .files import trust
from .optimizers import AnyOptimizer
from .problems import ProblemSettings
from .schema.bounds import Bounds
from .schema.fields import (
    AS_TUPLE,
    LARGEST_NUMBER,
    Count,
    Frozen,
    Lasting,
    Positive,
    PositiveQuantity,
    Probability,
    named,
)
from .schema.violations import MISSING, broken, broken_at


class Until(Frozen):
    """What ends a run: the limit that is reached first. `gradient_steps` and `epochs` count all workers together."""

    time_s: PositiveQuantity | None = None
    gradient_steps: Count | None = None
    epochs: Positive | None = None

    @model_validator(mode="after")
    def _something_ends_it(self) -> Until:
        if self.time_s is None and self.gradient_steps is None and self.epochs is None:
            raise broken("must have at least one of time_s, gradient_steps, epochs")
        return self


class ProbeSettings(Frozen):
    """When to measure, namely every `every_s` simulated seconds and at the start and the end, and what else to measure.

    `gradient_gap`: how far each worker's gradient is from the one at the mean parameters, for two gradients of each
    worker at each probe. `layers`: the consensus distance in each of the model's parameter tensors.
    """

    every_s: Lasting
    gradient_gap: bool = False
    layers: bool = False


Goal = Annotated[float, Bounds("in [-1e100, 1e100]", ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]


class Target(Frozen):
    """The goal whose time is compared: the first probe that meets it. One measure and its value.

    `train_loss`, `test_loss`, `test_accuracy`, or `test_<metric>` of another metric that `problem.metrics` has.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Goal | None]
    train_loss: Positive | None = None
    test_loss: Positive | None = None
    test_accuracy: Probability | None = None

    @model_validator(mode="after")
    def _one_goal(self) -> Target:
        for name in self.__pydantic_extra__:
            if not re.fullmatch(r"test_\w+", name):
                rule = f"unknown key{nearest(name, [*Target.model_fields, 'test_<metric>'])}"
                raise broken_at((name,), self.__pydantic_extra__[name], rule)
        if sum(goal is not None for _, goal in self) != 1:
            raise broken("must have exactly one of train_loss, test_loss, test_accuracy, test_<metric>")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Declare all other keys as metrics."""
        described = handler(schema)
        own = handler.resolve_ref_schema(described)
        own["patternProperties"] = {r"^test_\w+$": own.pop("additionalProperties", {})}
        own["additionalProperties"] = False
        return described

    @property
    def measure(self) -> str:
        """The column of `probes` that is to reach the goal."""
        return next(name for name, goal in self if goal is not None)

    @property
    def goal(self) -> float:
        return float(getattr(self, self.measure))

    @property
    def words(self) -> str:
        """The measure and the goal as sentences and figures have them."""
        return f"{self.measure.replace('_', ' ')} {self.goal:g}"


def _none_is_null(value: Any) -> Any:
    return None if value == "none" else value


class Settings(Frozen):
    """The sections that all arms share and that each arm may override."""

    until: Until
    workers: Count
    problem: Annotated[
        ProblemSettings | None,
        BeforeValidator(_none_is_null, json_schema_input_type=ProblemSettings | Literal["none"] | None),
    ]
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
        if not trust.present().files:  # whether files fit cannot be known; when it was run, they did
            return self
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
        if self.workers > 1 and self.network is not None and self.network.limited and self.network.sharing is None:
            rule = f"is required where bandwidth is limited and there are several workers: {', '.join(SHARINGS)}"
            raise broken_at(("network", "sharing"), None, rule, MISSING)
        self._network_fits(self.workers)
        unfit_topology = self.topology.unfit(self.workers)
        if unfit_topology:
            raise broken_at(("topology",), self.topology.model_dump(mode="json"), unfit_topology)
        self._numbers_are_workers(("compute", "stragglers"), self.compute.stragglers)
        self._numbers_are_workers(("faults",), self.faults)
        self._one_for_each_worker()
        self._trace_fits()
        self._replay_fits()
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

    def _one_for_each_worker(self) -> None:
        sizes = self.problem.batch_size if self.problem else None
        rates = self.optimizer.learning_rate if self.optimizer else None
        for path, values in ((("problem", "batch_size"), sizes), (("optimizer", "learning_rate"), rates)):
            if isinstance(values, tuple) and len(values) != self.workers:
                rule = f"must have one for each of {self.workers} workers, and has {len(values)}"
                raise broken_at(path, list(values), rule)
        if isinstance(sizes, tuple) and self.until.epochs is not None:
            rule = "passes over the data are not counted where batch sizes differ; use gradient_steps or time_s"
            raise broken_at(("until", "epochs"), self.until.epochs, rule)

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
        if timed and self.samples_per_gradient(0) is None:
            raise broken_at(
                ("trace", "samples_per_gradient"), None, "is required where there is no batch_size", MISSING
            )

    def _replay_fits(self) -> None:
        own = self.compute.time_s
        unfit = own.unfit(self.workers) if isinstance(own, Replay) else None
        if isinstance(own, Replay) and unfit:
            raise broken_at(("compute", "time_s"), own.model_dump(mode="json"), unfit)

    @property
    def uses_trace(self) -> bool:
        """Whether compute times or bandwidths come from the trace."""
        return "trace" in (self.compute.time_s, self.network.bandwidth_bytes_per_s if self.network else None)

    def measures(self, measure: str) -> bool:
        """Return whether the problem has that loss or metric."""
        return self.problem is not None and measure in self.problem.measures

    @property
    def number_bits(self) -> int:
        """Of a parameter in memory, and in a message."""
        return 64 if self.dtype == "float64" else 32

    def samples_per_gradient(self, worker: int) -> int | None:
        """Return the samples per gradient of a worker of the trace, or None if unknown."""
        own = self.trace.samples_per_gradient if self.trace else None
        if own or self.problem is None or self.problem.batch_size is None:
            return own
        return self.problem.batch_sizes(self.workers)[worker]

    def gradient_s(self, seed: int, worker: int) -> Pace:
        """Return how long each gradient of `worker` takes, in seconds, one after the other."""
        traced_s = None
        samples = self.samples_per_gradient(worker)
        if self.trace is not None and samples is not None:
            traced_s = self.trace.devices()[worker].s_per_sample * samples
        return self.compute.pace(seed, worker, self.workers, traced_s)
