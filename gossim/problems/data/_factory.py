"""A data set of the user's, from a factory named in the scenario."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict

from ...errors import InputError, told
from ...files.process_state import UNSEEDED, seeded
from ..imported import imported
from ..task import Task
from ._arrays import Pair, from_arrays, is_mapped
from ._base import Dataset, ReadSpec

READ_AGAIN = 20
"""Samples of a Dataset that are read a second time."""


class DataFactory(ReadSpec):
    """`package.module:factory`, called with the other keys given; it returns `(train, test)`.

    Each is a torch `Dataset` of (input, label), or a pair (inputs, labels) of arrays or tensors; `test` may be None,
    and then a fifth is held out as of `npz`. `task` is gossim's key, as of `npz`. Each sample is read once, and the
    global generators of torch, numpy and Python start from the same state in every process.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]
    task: Task = "classification"
    KEY: ClassVar[str] = "problem.data.name"

    def imported(self) -> Any:
        """Import what the name stands for. Raises InputError if it cannot be imported, or may not be."""
        return imported(self.KEY, self.name)

    def load(self) -> Dataset:
        with seeded(UNSEEDED):  # the factory may draw: the same data in every process
            train, test = self._parts()
        return from_arrays(self._place, train, test, self.task)

    @property
    def _place(self) -> str:
        return f"{self.KEY} = {self.name!r}"

    def _parts(self) -> tuple[Pair, Pair | None]:
        factory, place = self.imported(), self._place
        try:
            found = factory(**self.__pydantic_extra__)
        except (Exception, SystemExit) as error:  # a user's factory may do anything
            raise InputError(f"{place}: cannot be called: {told(error)}") from None
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise InputError(f"{place}: returned a {type(found).__name__}, not (train, test)")
        train, test = found
        return _pair(place, train), None if test is None else _pair(place, test)


def _pair(place: str, part: Any) -> Pair:
    """Return inputs and labels as arrays."""
    if isinstance(part, tuple | list) and len(part) == 2:
        return _array(part[0]), _array(part[1])
    if not (hasattr(part, "__len__") and hasattr(part, "__getitem__")):
        kind = type(part).__name__
        raise InputError(f"{place}: a part is a {kind}, neither a torch Dataset with a length nor (inputs, labels)")
    try:
        samples = [part[number] for number in range(len(part))]
        inputs, labels = zip(*samples, strict=True)
        found = np.stack([_array(x) for x in inputs]), np.stack([_array(y) for y in labels])
        again = [part[number] for number in range(min(len(part), READ_AGAIN))]
    except Exception as error:  # a user's Dataset may do anything
        raise InputError(f"{place}: its samples cannot be put into two arrays: {told(error)}") from None
    for number, sample in enumerate(again):
        if not all(np.array_equal(whole[number], _array(part)) for whole, part in zip(found, sample, strict=True)):
            raise InputError(
                f"{place}: sample {number} is another when it is read again, as by a random transform, and gossim "
                "reads each once; leave that out"
            )
    return found


def _array(values: Any) -> np.ndarray:
    """Convert to an array; tensors may be on any device, and what is mapped from a file stays there."""
    if is_mapped(values):
        return values
    return np.asarray(values.detach().cpu().numpy() if hasattr(values, "detach") else values)
