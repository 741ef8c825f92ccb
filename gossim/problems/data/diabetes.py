"""How far the diabetes of patients is a year later."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ._table import TableSpec


class Diabetes(TableSpec):
    """442 patients with ten measurements each; the target is the progression of their diabetes after a year; from
    scikit-learn.

    A fifth is held out, drawn by scikit-learn's `train_test_split` with `random_state=0`: 353 to train on. With
    `standardize` each column is shifted and scaled by its mean and standard deviation over these.
    """

    columns: ClassVar[tuple[str, ...]] = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    train_samples: ClassVar[int] = 353
    name: Literal["diabetes"] = "diabetes"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.datasets import load_diabetes

        x, y = load_diabetes(return_X_y=True)
        return x, y
