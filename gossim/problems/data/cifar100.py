"""Colour images of 32 × 32 pixels in a hundred classes."""

from __future__ import annotations

from typing import ClassVar, Literal

from .cifar10 import CIFAR10


class CIFAR100(CIFAR10):
    """60,000 colour images of 32 × 32 pixels in 100 classes: 50,000 to train on, 10,000 to test.

    Read from `train.bin` and `test.bin` of the binary version under `directory`, or fetched once into the user's cache;
    else as `cifar10`. Labels are the fine ones. Source: Krizhevsky 2009, "Learning multiple layers of features".
    """

    TITLE: ClassVar[str] = "CIFAR-100"
    FOLDER: ClassVar[str] = "cifar-100-binary"
    LABEL_BYTES: ClassVar[int] = 2
    URL: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
    MD5: ClassVar[str] = "03b5dce01913d631647c71ecec9e9cb8"
    TRAIN_FILES: ClassVar[tuple[str, ...]] = ("train.bin",)
    TEST_FILE: ClassVar[str] = "test.bin"

    classes: ClassVar[int] = 100
    name: Literal["cifar100"] = "cifar100"  # type: ignore[assignment]
