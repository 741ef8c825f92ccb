"""What a data set is: its samples, how they are split into training and test samples, and how they are shared out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import InputError
from ...files.process_state import PROCESS
from ...schema.fields import Frozen
from ..partition import IID, AnyPartition
from ..stratified import stratified_split
from ..task import Task

TEST_SHARE = 0.2
"""Of the sets that come unsplit. The split is part of the data set: the same for every seed."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples `(n, channels, height, width)` and their labels `(n,)`, from 0 to `classes` − 1.

    Without `classes`, there are as many as the largest label says. Targets of a regression are real numbers,
    `(n, outputs)`, and there are no classes. Tokens are whole numbers `(n, length)`, as their targets, one at each
    position. Threads share the arrays, which are read-only.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int = 0
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    """By name, what is known of each training sample beside inputs and targets, `(n,)`."""

    def __post_init__(self) -> None:
        if self.task == "regression":
            return
        parts = (self.train_y, self.test_y)
        least, most = min(int(y.min()) for y in parts), max(int(y.max()) for y in parts)
        if not self.classes:
            object.__setattr__(self, "classes", most + 1)
        if least < 0 or most >= self.classes:
            raise InputError(
                f"problem.data: labels from {least} to {most}, and {self.classes} classes have the labels 0 to "
                f"{self.classes - 1}"
            )

    @property
    def task(self) -> Task:
        if self.train_y.dtype.kind == "f":
            return "regression"
        return "classification" if self.train_y.ndim == 1 else "tokens"

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for a sample; of a sequence, at each of its positions."""
        return self.train_y.shape[1] if self.task == "regression" else self.classes

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of what a network gives for a sample: `(outputs,)`, or of a sequence `(length, outputs)`."""
        return (*(self.train_y.shape[1:] if self.task == "tokens" else ()), self.outputs)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train_x.shape[1:]

    @property
    def in_files(self) -> bool:
        """Whether inputs to train on are mapped from a file, and so take no memory of the run's own."""
        return isinstance(self.train_x, np.memmap)


class DataSpec(Frozen):
    """A data set and its partition. `load` reads it; `crop` is the side of the squares that training draws.

    `classes`, `train_samples` and `shape` are known without reading it, unless it is a `ReadSpec`.
    """

    crop: ClassVar[int | None] = None
    classes: ClassVar[int]
    train_samples: ClassVar[int]
    name: str
    partition: AnyPartition = IID()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample as the model sees it: `(channels, height, width)`, or as the arrays of the user's have it."""
        raise NotImplementedError

    @property
    def in_files(self) -> bool:
        """Whether its samples stay in a file that is mapped into memory."""
        return False

    def load(self) -> Dataset:
        raise NotImplementedError

    def files(self) -> dict[str, Path]:
        """Return the files that it is read from, by the name that the manifest has for each; those whose paths stand
        in the scenario need not be among them."""
        return {}

    def version(self) -> object:
        """Return what changes when the content of the set does, so that it is read again; hashable."""
        return None


class ReadSpec(DataSpec):
    """User's data: the number of classes and samples, and their shape, are known only after reading."""

    @property
    def classes(self) -> int:  # type: ignore[override]
        return loaded(self).classes

    @property
    def train_samples(self) -> int:  # type: ignore[override]
        return len(loaded(self).train_y)

    @property
    def shape(self) -> tuple[int, ...]:
        return loaded(self).shape

    @property
    def in_files(self) -> bool:
        return loaded(self).in_files


def split(images: np.ndarray, labels: np.ndarray) -> Dataset:
    """Hold out `TEST_SHARE` of the samples, each class in proportion, the same for every seed."""
    train, test = stratified_split(labels, TEST_SHARE, seed=0)
    images, labels = images.astype(np.float32), labels.astype(np.int64)
    return Dataset(images[train], labels[train], images[test], labels[test])


def loaded(spec: DataSpec) -> Dataset:
    """Call `spec.load()`, once per process. Raises InputError if the data differ from what the spec states."""
    with PROCESS:
        return _loaded(spec, spec.version())


@cache
def _loaded(spec: DataSpec, version: object) -> Dataset:
    data = spec.load()
    for array in (data.train_x, data.train_y, data.test_x, data.test_y):
        array.flags.writeable = False
    if isinstance(spec, ReadSpec):
        return data
    found = {
        "classes": data.classes,
        "shape": (data.shape[0], spec.crop, spec.crop) if spec.crop else data.shape,
    }
    for key, value in found.items():
        said = getattr(spec, key, None) or value
        if said != value:
            raise InputError(f"problem.data = {spec.name}: says {key} = {said}, and what it loads has {value}")
    return data


def assigned(spec: DataSpec, workers: int, seed: int) -> list[np.ndarray]:
    """Return the indices of each worker's training samples. Raises InputError where they cannot be shared out so."""
    data, groups = loaded(spec), spec.partition.groups
    return spec.partition.assign(data.train_y if groups is None else data.columns[groups], workers, seed)


def task_of(spec: DataSpec) -> Task:
    """Return the task of the data set, which is known without reading it."""
    task: Task = getattr(spec, "task", "classification")
    return task


def outputs_of(spec: DataSpec) -> int:
    """Return the number of outputs per sample, one per class: as the set states, or as loaded."""
    return getattr(spec, "classes", None) or getattr(spec, "outputs", None) or loaded(spec).outputs
