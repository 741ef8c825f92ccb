"""The `problem` section of a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import model_validator

from ..errors import InputError
from ..schema.fields import AS_TUPLE, Count, Frozen, must, one_or_each
from ..schema.violations import MISSING, broken_at
from .data import AnyData, assigned, outputs_of, task_of
from .metrics import METRICS, METRICS_OF, AnyMetric, Measure, Metric
from .models import AnyModel
from .task import Task

if TYPE_CHECKING:
    from .losses import Loss

LOSS_OF: dict[Task, str] = {"classification": "cross_entropy", "regression": "mse", "tokens": "cross_entropy"}

OneOrEach: Any = one_or_each(Count)

LOSS_RULE = "cross_entropy, mse or package.module:function"


def _is_loss(name: str) -> bool:
    return name in LOSS_OF.values() or ":" in name


class Evaluate(Frozen):
    """How many samples losses and metrics are measured on, all by default: evenly spaced, the same at every probe."""

    train_samples: Count | None = None
    test_samples: Count | None = None


class ProblemSettings(Frozen):
    """What is learned, from which data, with how many samples per gradient.

    `weighting`: whether workers count alike, so that (1/M) Σ_m L^m is minimised, L^m the mean loss over worker m's own
    samples; or by the `samples` that are their own, so that it is Σ_m (n_m/n) L^m, n = Σ n_m: the mean over all
    samples. `loss` is `cross_entropy` of a classification and of tokens, there the mean over samples and positions, and
    `mse`, the mean squared error over samples and outputs, of a regression, and need not be said; or a function of
    your own, `package.module:function`, `f(outputs, targets)`, that returns the loss of each sample. `metrics` are
    `accuracy`, `perplexity`, `rmse`, `r2` or `package.module:function`; by default those of the task.

    `batch_size` is a number, or a list of one for each worker.

    `sampling`: minibatches are drawn `with_replacement` from a worker's own samples, or these are `shuffled` and taken
    in turn, each once an epoch of the worker's. `evaluate`: on how many samples probes measure.
    """

    model: AnyModel
    data: AnyData | None = None
    batch_size: OneOrEach | None = None
    sampling: Literal["with_replacement", "shuffled"] = "with_replacement"
    evaluate: Evaluate = Evaluate()
    weighting: Literal["equal", "samples"] = "equal"
    loss: Annotated[str, must(LOSS_RULE, _is_loss)] | None = None
    metrics: Annotated[tuple[AnyMetric, ...], AS_TUPLE] | None = None

    @model_validator(mode="after")
    def _what_the_task_wants(self) -> ProblemSettings:
        if self.data is None:
            if self.loss is not None and not self.model.needs_data:
                raise broken_at(("loss",), self.loss, f"the model '{self.model.name}' has its own; leave it out")
            if self.metrics is not None and not self.model.needs_data:
                shown = [metric.name for metric in self.metrics]
                raise broken_at(("metrics",), shown, f"the model '{self.model.name}' has none; leave it out")
            return self
        task = task_of(self.data)
        what = {"classification": "a classification", "regression": "a regression", "tokens": "a sequence of tokens"}
        if task not in self.model.tasks:
            rule = f"'{self.model.name}' does not learn {what[task]}, which problem.data = {self.data.name} is"
            raise broken_at(("model", "name"), self.model.name, rule)
        if self.loss not in (None, LOSS_OF[task]) and ":" not in self.loss:
            rule = f"{what[task]} is learned by {LOSS_OF[task]}, or by a function of your own, package.module:function"
            raise broken_at(("loss",), self.loss, rule)
        for place, metric in enumerate(self.metrics or ()):
            if metric.name in METRICS and task not in METRICS[metric.name].tasks:
                suited = ", ".join(name for name, own in METRICS.items() if task in own.tasks)
                raise broken_at(("metrics", place), metric.name, f"is no metric of {what[task]}: {suited}")
            if metric.column in [other.column for other in (self.metrics or ())[:place]]:
                raise broken_at(("metrics", place), metric.name, f"there is another {metric.column} before it")
        if self.data.partition.groups is not None and self.data.name not in ("csv", "npz"):
            rule = f"is of csv and npz; problem.data = {self.data.name} has no columns of that kind"
            raise broken_at(("data", "partition"), "column", rule)
        if task != "classification" and self.data.partition.by_label:
            name = self.data.partition.name
            rule = f"shares out by labels of samples, and {what[task]} has none; use iid"
            raise broken_at(("data", "partition"), name, rule)
        return self

    def loss_function(self) -> Loss:
        """Return what is minimised, as a function of tensors."""
        from .losses import loss_named

        assert self.data is not None
        return loss_named(self.loss or LOSS_OF[task_of(self.data)])

    @property
    def measured_metrics(self) -> tuple[Metric, ...]:
        """Those of the scenario, or else those of the task."""
        if self.data is None:
            return ()
        if self.metrics is not None:
            return self.metrics
        return tuple(Metric(name=name) for name in METRICS_OF[task_of(self.data)])

    @property
    def measures(self) -> dict[str, Measure]:
        """What is measured of its parameters, by column."""
        if self.data is None:
            return dict.fromkeys(self.model.measures, Measure("", "lower"))
        entropy = self.loss == "cross_entropy" or (self.loss is None and task_of(self.data) != "regression")
        losses = dict.fromkeys(("train_loss", "test_loss"), Measure("nats" if entropy else "", "lower"))
        return losses | {metric.column: metric.measure for metric in self.measured_metrics}

    @model_validator(mode="after")
    def _data_where_needed(self) -> ProblemSettings:
        name = self.model.name
        if not self.model.needs_data and self.data is not None:
            raise broken_at(("data",), self.data.model_dump(), f"the model '{name}' has none; leave it out")
        for key in ("data", "batch_size"):
            if self.model.needs_data and getattr(self, key) is None:
                raise broken_at((key,), None, f"is required by the model '{name}'", MISSING)
        if self.data is None and self.sampling != "with_replacement":
            raise broken_at(("sampling",), self.sampling, f"the model '{name}' has no samples; leave it out")
        if self.data is None and self.evaluate != Evaluate():
            raise broken_at(
                ("evaluate",), self.evaluate.model_dump(), f"the model '{name}' has no samples; leave it out"
            )
        if self.weighting == "samples" and self.data is None:
            raise broken_at(("weighting",), "samples", f"the model '{name}' has no samples to count; use equal")
        return self

    def batch_sizes(self, workers: int) -> list[int]:
        """Return the samples of one gradient of each worker; 1 where nothing says so."""
        return list(self.batch_size) if isinstance(self.batch_size, tuple) else [self.batch_size or 1] * workers

    def sample_counts(self, workers: int, seed: int) -> list[int]:
        """Return n_m, how many samples are each worker's own; one that is another's too counts for both."""
        assert self.data is not None
        return [len(own) for own in assigned(self.data, workers, seed)]

    def parameters(self) -> int | None:
        """Return the number of the model's parameters if it is known without building it."""
        if self.data is None:
            return self.model.parameters((), 0)
        return self.model.parameters(self.data.shape, outputs_of(self.data))

    def require_samples(self) -> None:
        """Raise InputError unless the model takes samples of the data's shape."""
        if self.data is None:
            return
        unfit = self.model.unfit(self.data.shape, task_of(self.data))
        if unfit:
            raise InputError(f"problem.model = {self.model.name}: {unfit}")

    def built_parameters(self) -> int:
        """Return the number of parameters, counted in a built model."""
        from .data import loaded
        from .supervised import initialised

        assert self.data is not None
        data = self.data
        network = initialised(
            self.model, data.shape, outputs_of(data), 0, lambda: loaded(data).train_x.dtype.kind in "iu"
        )
        return sum(p.numel() for p in network.parameters() if p.requires_grad)
