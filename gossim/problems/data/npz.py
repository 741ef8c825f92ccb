"""Arrays of the user's in one file of numpy's."""

from __future__ import annotations

import zipfile
from typing import Literal

import numpy as np

from ...errors import InputError, nearest
from ..task import Task
from ._arrays import file_version, from_arrays, refuse_unreadable
from ._base import Dataset, ReadSpec
from ._mapped import mapped


class NPZ(ReadSpec):
    """A file of `numpy.savez` with samples `train_x`, labels from 0 `train_y`, and `test_x`, `test_y` or neither.

    Samples lie along the first axis. Without a test part a fifth is held out, drawn by scikit-learn's
    `train_test_split` with `random_state=0`. With `task: regression` targets are real, `(n,)` or `(n, outputs)`; with
    `task: tokens` they are a label at each position, `(n, length)`, and with whole numbers as inputs both are tokens.

    With a test part `train_x` and `test_x` are mapped into memory where they are not compressed, as by `numpy.savez`,
    and samples are read as they are used. All else is read at the beginning.
    """

    name: Literal["npz"] = "npz"
    file: str
    task: Task = "classification"

    def version(self) -> object:
        return file_version(self.file)

    def load(self) -> Dataset:
        refuse_unreadable(self.file)
        try:
            with np.load(self.file, allow_pickle=False) as arrays:
                return self._from(arrays)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
            raise InputError(f"{self.file}: cannot be read as arrays of numpy.savez: {error}") from None

    def _from(self, arrays: np.lib.npyio.NpzFile) -> Dataset:
        wanted = ["train_x", "train_y"]
        if {*arrays.files} & {"test_x", "test_y"}:
            wanted += ["test_x", "test_y"]
        groups = self.partition.groups
        for name in [*wanted, *([groups] if groups else [])]:
            if name not in arrays.files:
                raise InputError(f"{self.file}: has no array '{name}'{nearest(name, arrays.files)}")
        inputs: dict[str, np.ndarray] = {}
        for name in wanted[::2]:
            there = mapped(self.file, name) if len(wanted) == 4 else None
            inputs[name] = arrays[name] if there is None else there
        test = (inputs["test_x"], arrays["test_y"]) if len(wanted) == 4 else None
        columns = {groups: arrays[groups]} if groups else {}
        return from_arrays(self.file, (inputs["train_x"], arrays["train_y"]), test, self.task, columns)
