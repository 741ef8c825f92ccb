"""Tables that come with a library: a number to tell from the other columns."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..task import Task
from ._arrays import from_arrays, standardized
from ._base import Dataset, DataSpec


class TableSpec(DataSpec):
    """A regression on the columns of a table; `read` returns the inputs and the targets.

    A fifth is held out, drawn by scikit-learn's `train_test_split` with `random_state=0`. With `standardize` each
    column is shifted and scaled by its mean and standard deviation over the rows that are left to train on.
    """

    task: ClassVar[Task] = "regression"
    classes: ClassVar[int] = 0
    outputs: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]]
    standardize: bool = False

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.columns),)

    def load(self) -> Dataset:
        place = f"problem.data = {self.name}"
        data = from_arrays(place, self.read(), None, "regression")
        return standardized(place, data, list(self.columns)) if self.standardize else data
