"""A model of the user's, from a factory named in the scenario."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict

from ...errors import InputError, told
from ..imported import imported
from ..task import Task
from ._base import ModelSpec

if TYPE_CHECKING:
    from torch import nn


class Factory(ModelSpec):
    """`package.module:factory`, called with the other keys given; it returns a `torch.nn.Module`.

    Where the factory has parameters named `input_shape` (channels, height, width) or `classes`, it is given these too.
    """

    known: ClassVar[bool] = False
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "regression", "tokens")
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]

    def imported(self) -> Any:
        """Import what the name stands for. Raises InputError if it cannot be imported, or may not be."""
        return imported("problem.model.name", self.name)

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
