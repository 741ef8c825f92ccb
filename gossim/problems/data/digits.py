"""Handwritten digits of 8 × 8 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

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
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        return split(images.reshape(-1, 1, 8, 8) / 16, labels)
