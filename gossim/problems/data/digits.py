"""Handwritten digits of 8 × 8 pixels."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ._base import Dataset, DataSpec, split


class Digits(DataSpec):
    """1,797 handwritten digits of 8 × 8 pixels, with scikit-learn; 1,437 to train on, 360 to test."""

    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 1437
    name: Literal["digits"] = "digits"

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 8, 8)

    def load(self) -> Dataset:
        rows = _digits()
        return split(rows[:, :-1].reshape(-1, 1, 8, 8) / 16, rows[:, -1].astype(int))


def _digits() -> np.ndarray:
    """Return the 64 pixels and the label of each digit, from scikit-learn's file: importing it takes a second."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    with gzip.open(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt", encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=",")
