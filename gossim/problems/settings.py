"""The `problem` section of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ..schema.fields import Count, Frozen
from ..schema.violations import MISSING, broken_at
from .data import AnyData, outputs_of
from .models import AnyModel


class ProblemSettings(Frozen):
    """What is learned, from which data, with how many samples per gradient.

    `weighting`: whether workers count alike, so that (1/M) Σ_m L^m is minimised, L^m the mean loss over worker m's own
    samples; or by the `samples` that are their own, so that it is Σ_m (n_m/n) L^m, n = Σ n_m: the mean over all
    samples. `loss` is `cross_entropy` of a classification and `mse`, the mean squared error over samples and outputs,
    of a regression; it need not be said.
    """

    model: AnyModel
    data: AnyData | None = None
    batch_size: Count | None = None
    weighting: Literal["equal", "samples"] = "equal"
    loss: Literal["cross_entropy", "mse"] | None = None

    @model_validator(mode="after")
    def _what_the_task_wants(self) -> ProblemSettings:
        if self.data is None:
            if self.loss is not None and not self.model.needs_data:
                raise broken_at(("loss",), self.loss, f"the model '{self.model.name}' has its own; leave it out")
            return self
        task, wanted = ("regression", "mse") if self.data.regression else ("classification", "cross_entropy")
        if self.loss not in (None, wanted):
            raise broken_at(("loss",), self.loss, f"a {task} is learned by {wanted}")
        if self.data.regression and self.data.partition.by_label:
            name = self.data.partition.name
            raise broken_at(("data", "partition"), name, "shares out by labels, and a regression has none; use iid")
        return self

    @property
    def measures(self) -> tuple[str, ...]:
        """What there is to tell of its parameters."""
        regression = self.data is not None and self.data.regression
        return tuple(each for each in self.model.measures if each != "test_accuracy" or not regression)

    @model_validator(mode="after")
    def _data_where_needed(self) -> ProblemSettings:
        name = self.model.name
        if not self.model.needs_data and self.data is not None:
            raise broken_at(("data",), self.data.model_dump(), f"the model '{name}' has none; leave it out")
        for key in ("data", "batch_size"):
            if self.model.needs_data and getattr(self, key) is None:
                raise broken_at((key,), None, f"is required by the model '{name}'", MISSING)
        if self.weighting == "samples" and self.data is None:
            raise broken_at(("weighting",), "samples", f"the model '{name}' has no samples to count; use equal")
        return self

    def sample_counts(self, workers: int, seed: int) -> list[int]:
        """Return n_m, how many samples are each worker's own; one that is another's too counts for both."""
        from .data import loaded

        assert self.data is not None
        return [len(own) for own in self.data.partition.assign(loaded(self.data).train_y, workers, seed)]

    def parameters(self) -> int | None:
        """How many the model has, where that is known without building it."""
        if self.data is None:
            return self.model.parameters((), 0)
        return self.model.parameters(self.data.shape, outputs_of(self.data))

    def built_parameters(self) -> int:
        """The same, counted in a model that is built."""
        from .supervised import initialised

        assert self.data is not None
        return sum(
            p.numel() for p in initialised(self.model, self.data.shape, outputs_of(self.data), seed=0).parameters()
        )
