"""Models by name: networks that learn from data, and two problems whose gradients are known in closed form."""

from __future__ import annotations

import importlib
import inspect
import itertools
import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict

from ..errors import InputError, told
from ..files import trust
from ..schema.bounds import Bounds
from ..schema.fields import (
    Count,
    Counts,
    Fraction01,
    Frozen,
    NonNegative,
    chosen_by,
)

if TYPE_CHECKING:
    from torch import nn


class ModelSpec(Frozen):
    """A model and its parameters. `needs_data`: whether it is a network that learns from a data set; `measures`: what
    there is to tell of its parameters; `known`: whether it has been seen to do what torch's own loop does, so that no
    run need check it."""

    needs_data: ClassVar[bool] = True
    known: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = ("train_loss", "test_loss", "test_accuracy")
    name: str

    def parameters(self, shape: tuple[int, ...], classes: int) -> int | None:
        """How many there are, where that is known without building the network."""
        return None

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The network for samples of `shape` (channels, height, width); its output is one logit per class."""
        raise NotImplementedError


class Logistic(ModelSpec):
    """Multinomial logistic regression: one linear layer on the flattened sample."""

    name: Literal["logistic"] = "logistic"

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        return (math.prod(shape) + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes))


class MLP(ModelSpec):
    """Linear layers of the `hidden` widths with ReLU between them, and dropout after each ReLU if `dropout` > 0."""

    name: Literal["mlp"] = "mlp"
    hidden: Counts
    dropout: Fraction01 = 0.0

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        widths = (math.prod(shape), *self.hidden, classes)
        return sum((before + 1) * after for before, after in itertools.pairwise(widths))

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        widths = (math.prod(shape), *self.hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


class GoSGDCNN(ModelSpec):
    """The network of GoSGD's experiment and of EASGD (arXiv:1412.6651): 286,154 parameters on 3 × 28 × 28 images.

    Conv(→64, 5×5)-ReLU-MaxPool2-Conv(→128, 5×5)-ReLU-MaxPool2-Conv(→64, 3×3)-ReLU-Dropout-Linear(256→10).
    """

    SIDE: ClassVar[int] = 28

    name: Literal["gosgd_cnn"] = "gosgd_cnn"
    dropout: Fraction01 = 0.5

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        filters = (shape[0] * 25 + 1) * 64 + (64 * 25 + 1) * 128 + (128 * 9 + 1) * 64
        return filters + (256 + 1) * classes

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        if shape[1:] != (self.SIDE, self.SIDE):
            raise InputError(
                f"problem.model = gosgd_cnn: needs images of {self.SIDE} × {self.SIDE} pixels, and problem.data gives "
                f"{' × '.join(map(str, shape[1:]))}; use mnist5k or cifar10"
            )
        return nn.Sequential(
            *(nn.Conv2d(shape[0], 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 128, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(128, 64, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(self.dropout)),
            nn.Linear(256, classes),
        )


class Quadratic(ModelSpec):
    """½ (x − x⋆)ᵀ A (x − x⋆), x⋆ = (1, …, 1), A diagonal from 1 to `condition_number` in equal ratios; x⁰ = 0.

    A gradient is A(x − x⋆) + `gradient_noise` · z/√batch_size with z standard normal. The loss at x⋆ is 0.
    """

    needs_data: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("train_loss", "test_loss")
    name: Literal["quadratic"] = "quadratic"
    dim: Count = 10
    condition_number: Annotated[float, Bounds(">= 1", ge=1)] = 10.0
    gradient_noise: NonNegative = 0.0

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        return self.dim


class Noise(ModelSpec):
    """No loss: every gradient is a standard normal vector of size `dim`, whatever the batch size; x⁰ = 0.

    So x ← x − ηz, the consensus experiment of arXiv:1804.01852.
    """

    needs_data: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ()
    name: Literal["noise"] = "noise"
    dim: Count

    def parameters(self, shape: tuple[int, ...], classes: int) -> int:
        return self.dim


class Factory(ModelSpec):
    """`package.module:factory`, called with the other keys given; it returns a `torch.nn.Module`.

    Where the factory has parameters named `input_shape` (channels, height, width) or `classes`, it is given these too.
    """

    known: ClassVar[bool] = False
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]

    def imported(self) -> Any:
        """What the name stands for. Raises InputError where it cannot be imported, or may not be."""
        if not trust.present().imports:
            raise InputError(f"problem.model.name = {self.name!r}: has to be imported; {trust.ASK}")
        module_name, _, attribute = self.name.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except (Exception, SystemExit) as error:  # a user's module may do anything
            raise InputError(f"problem.model.name = {self.name!r}: cannot be imported: {told(error)}") from None

    def network(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        from torch import nn

        factory = self.imported()
        offered = {"input_shape": shape, "classes": classes}
        try:
            wanted = inspect.signature(factory).parameters
            arguments = {name: value for name, value in offered.items() if name in wanted}
            network = factory(**(arguments | self.__pydantic_extra__))
        except (Exception, SystemExit) as error:
            raise InputError(f"problem.model.name = {self.name!r}: cannot be called: {told(error)}") from None
        if not isinstance(network, nn.Module):
            kind = type(network).__name__
            raise InputError(f"problem.model.name = {self.name!r}: returned a {kind}, not a torch.nn.Module")
        return network


MODELS: dict[str, type[ModelSpec]] = {
    "logistic": Logistic,
    "mlp": MLP,
    "gosgd_cnn": GoSGDCNN,
    "quadratic": Quadratic,
    "noise": Noise,
}
if TYPE_CHECKING:
    AnyModel = ModelSpec
else:
    AnyModel = chosen_by("name", MODELS, Factory.model_validate, when=lambda name: ":" in name)
