"""A table with a number to tell from the others."""

from __future__ import annotations

from typing import ClassVar, Literal

from ._arrays import from_arrays, standardized
from ._base import Dataset, DataSpec

COLUMNS = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model_year", "origin")


class AutoMPG(DataSpec):
    """392 cars, seven properties each, and how many miles they go with a gallon; with mlxtend.

    A fifth is held out, drawn by scikit-learn's `train_test_split` with `random_state=0`: 313 to train on. With
    `standardize` each column is shifted and scaled by its mean and standard deviation over these.
    """

    task: ClassVar[str] = "regression"
    classes: ClassVar[int] = 0
    outputs: ClassVar[int] = 1
    train_samples: ClassVar[int] = 313
    name: Literal["autompg"] = "autompg"
    standardize: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(COLUMNS),)

    def load(self) -> Dataset:
        from mlxtend.data import autompg_data

        x, y = autompg_data()
        x = x[:, : len(COLUMNS)]  # the last column is the name of the car, and empty here
        data = from_arrays("problem.data = autompg", (x, y), None, "regression")
        return standardized("problem.data = autompg", data, list(COLUMNS)) if self.standardize else data
