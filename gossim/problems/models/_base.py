"""What a model is: parameters, and the network that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...schema.fields import Frozen
from ..task import Task

if TYPE_CHECKING:
    from torch import nn


class ModelSpec(Frozen):
    """A model and its parameters. `needs_data`: whether it is a network that learns from a data set; `measures`: what
    there is to tell of its parameters; `known`: whether it has been seen to do what torch's own loop does, so that no
    run need check it."""

    needs_data: ClassVar[bool] = True
    known: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = ("train_loss", "test_loss", "test_accuracy")
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "regression")
    """What it can learn. Inputs of these two are real numbers, of tokens whole numbers `(length,)`."""
    name: str

    def unfit(self, shape: tuple[int, ...], task: Task) -> str | None:
        """Return what samples the network needs if it does not take those of that shape; None if it does."""
        return None

    def parameters(self, shape: tuple[int, ...], classes: int) -> int | None:
        """Return the number of parameters if it is known without building the network."""
        return None

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Build the network for samples of `shape` (channels, height, width). Its output is one logit per class, or one
        number per target of a regression (then `classes` is their number). For sequences of tokens `shape` is
        `(length,)`, and the output of B samples is `(B, length, classes)`.
        """
        raise NotImplementedError
