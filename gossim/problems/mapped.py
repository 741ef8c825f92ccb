"""Samples in a file that is mapped into memory: what a minibatch needs of them is read when it is needed."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import torch

from ..errors import RunError
from .data._arrays import native


class FileState(NamedTuple):
    """What changes where a file is written to. Another file under its name leaves what is mapped as it was."""

    inode: int
    size_bytes: int
    modified_ns: int

    @staticmethod
    def of(file: str) -> FileState:
        """Raises OSError if there is no such file."""
        found = os.stat(file)
        return FileState(found.st_ino, found.st_size, found.st_mtime_ns)


class Mapped:
    """Inputs `(samples, ...)`, of which a tensor is made as they are taken: real numbers in `dtype`.

    It has the part of torch.Tensor's interface that is needed of samples.
    """

    device = torch.device("cpu")

    def __init__(self, array: np.ndarray, file: str, dtype: torch.dtype, state: FileState | None = None):
        self.array, self.file, self.dtype = array, file, dtype
        self.state = state or FileState.of(file)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, which: slice) -> torch.Tensor:
        return self._read(self.array[which])

    def is_floating_point(self) -> bool:
        return self.array.dtype.kind == "f"

    def index_select(self, dim: int, index: torch.Tensor) -> torch.Tensor:
        """The samples of these numbers; `dim` is 0."""
        return self._read(self.array[index.numpy()])

    def split(self, count: int) -> list[Mapped]:
        """Parts of `count` samples each, the last of as many as are left, none of which is read yet."""
        cut = range(0, len(self), count)
        return [Mapped(self.array[first : first + count], self.file, self.dtype, self.state) for first in cut]

    def whole(self) -> torch.Tensor:
        return self[:]

    def require_unchanged(self) -> None:
        """Raise RunError if the file was written to since the run began."""
        try:
            now = FileState.of(self.file)
        except OSError:
            return
        if now.inode == self.state.inode and now != self.state:
            raise RunError(f"{self.file}: was written to while the run read samples from it")

    def _read(self, part: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.array(part, dtype=native(part.dtype)))
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor
