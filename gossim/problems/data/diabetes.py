"""A table with a number to tell from the others."""

from __future__ import annotations

from typing import ClassVar, Literal

from ._arrays import from_arrays, standardized
from ._base import Dataset, DataSpec

COLUMNS = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


class Diabetes(DataSpec):
    """442 patients, ten measurements each, and how far their diabetes is a year later; with scikit-learn.

    A fifth is held out, drawn by scikit-learn's `train_test_split` with `random_state=0`: 353 to train on. With
    `standardize` each column is shifted and scaled by its mean and standard deviation over these.
    """

    task: ClassVar[str] = "regression"
    classes: ClassVar[int] = 0
    outputs: ClassVar[int] = 1
    train_samples: ClassVar[int] = 353
    name: Literal["diabetes"] = "diabetes"
    standardize: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(COLUMNS),)

    def load(self) -> Dataset:
        from sklearn.datasets import load_diabetes

        x, y = load_diabetes(return_X_y=True)
        data = from_arrays("problem.data = diabetes", (x, y), None, "regression")
        return standardized("problem.data = diabetes", data, list(COLUMNS)) if self.standardize else data
