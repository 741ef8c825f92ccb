"""The `problem` section of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ..schema.fields import Count, Frozen
from ..schema.violations import MISSING, broken_at
from .data import AnyData, classes_of
from .models import AnyModel


class ProblemSettings(Frozen):
    """What is learned, from which data, with how many samples per gradient.

    `weighting`: whether workers count alike, so that (1/M) Σ_m L^m is minimised, L^m the mean loss over worker m's own
    samples; or by the `samples` that are their own, so that it is Σ_m (n_m/n) L^m, n = Σ n_m: the mean over all
    samples.
    """

    model: AnyModel
    data: AnyData | None = None
    batch_size: Count | None = None
    weighting: Literal["equal", "samples"] = "equal"

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
        return self.model.parameters(self.data.shape, classes_of(self.data))

    def built_parameters(self) -> int:
        """The same, counted in a model that is built."""
        from .supervised import initialised

        assert self.data is not None
        return sum(
            p.numel() for p in initialised(self.model, self.data.shape, classes_of(self.data), seed=0).parameters()
        )
