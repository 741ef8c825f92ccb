"""Texts as tokens: every byte is one, and the next one is to be predicted."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...errors import InputError
from ...schema.fields import Count
from ..task import Task
from ._base import TEST_SHARE, Dataset, ReadSpec


class BytesSpec(ReadSpec):
    """Samples of `context` bytes of a text, with the bytes that follow each of them as targets."""

    task: ClassVar[Task] = "tokens"
    classes: ClassVar[int] = 256
    context: Count

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.context,)


def windows(place: str, text: np.ndarray, context: int) -> Dataset:
    """Hold out the last fifth of a text, rounded up, and cut both parts into samples.

    Args:
        place: What the text is from, for errors.
        text: Its bytes, `(n,)`, uint8.
        context: The length of a sample.

    Raises:
        InputError: A part is too short for one sample.
    """
    held_out = -(-len(text) * round(100 * TEST_SHARE) // 100)
    parts: list[np.ndarray] = []
    for name, part in (("train on", text[: len(text) - held_out]), ("test", text[len(text) - held_out :])):
        count = (len(part) - 1) // context
        if count < 1:
            raise InputError(
                f"{place}: has {len(text):,} bytes, of which {len(part):,} are there to {name}; with problem.data."
                f"context = {context} a sample takes {context + 1:,}"
            )
        used = count * context
        parts += [part[:used].reshape(count, context), part[1 : used + 1].reshape(count, context)]
    train_x, train_y, test_x, test_y = parts
    return Dataset(train_x, train_y, test_x, test_y, classes=256)
