"""How far cars go with a gallon."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ._table import TableSpec


class AutoMPG(TableSpec):
    """392 cars with seven properties each; the target is miles per gallon; from mlxtend.

    A fifth is held out, drawn by scikit-learn's `train_test_split` with `random_state=0`: 313 to train on. With
    `standardize` each column is shifted and scaled by its mean and standard deviation over these.
    """

    columns: ClassVar[tuple[str, ...]] = (
        "cylinders",
        "displacement",
        "horsepower",
        "weight",
        "acceleration",
        "model_year",
        "origin",
    )
    train_samples: ClassVar[int] = 313
    name: Literal["autompg"] = "autompg"

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        from mlxtend.data import autompg_data

        x, y = autompg_data()
        return x[:, : len(self.columns)], y  # the last column is the name of the car, and empty here
