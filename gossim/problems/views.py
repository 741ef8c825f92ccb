"""The samples on the device, and the views of them that training draws."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from ..errors import InputError
from .data import Dataset
from .data._arrays import is_mapped
from .mapped import Mapped

with warnings.catch_warnings():
    # That these tensors must not be written into torch says once in a process; nothing here does.
    warnings.simplefilter("ignore")
    torch.from_numpy(np.frombuffer(bytes(1), np.uint8))


def _on(device: torch.device, array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Return the array on the device: real numbers in `dtype`, and whole numbers, which may be labels or tokens,
    unchanged.
    """
    tensor = torch.from_numpy(array).to(device)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _inputs(device: torch.device, array: np.ndarray, dtype: torch.dtype) -> torch.Tensor | Mapped:
    """The same of inputs, which may lie in a file: a CPU then reads them as they are used, and a GPU has them all."""
    if not (isinstance(array, np.memmap) and is_mapped(array)):
        return _on(device, array, dtype)
    found = Mapped(array, str(array.filename), dtype)
    return found if device.type == "cpu" else found.whole().to(device)


def wide(numbers: torch.Tensor) -> torch.Tensor:
    """Convert whole numbers to 64 bits, which layers expect."""
    return numbers if numbers.is_floating_point() else numbers.long()


def evenly_spaced(samples: int, count: int) -> np.ndarray:
    """Return the numbers of `count` of the samples, the first and the last among them; of one, the first."""
    return np.linspace(0, samples - 1, count).round().astype(np.int64)


class Samples:
    """Training samples as tensors. With `crop`, a view is one of the square crops of that side, flipped or not."""

    def __init__(self, data: Dataset, crop: int | None, dtype: torch.dtype, device: torch.device):
        self.crop, self.dtype = crop, dtype
        self.device = device
        self.train_x, self.test_x = (_inputs(device, x, dtype) for x in (data.train_x, data.test_x))
        self.train_y, self.test_y = (_on(device, y, dtype) for y in (data.train_y, data.test_y))
        self.task, self.classes, self.output_shape = data.task, data.outputs, data.output_shape
        self.measured = (self.train_x, self.train_y), (self.test_x, self.test_y)
        self.offsets = tuple(side - crop + 1 for side in data.shape[1:]) if crop else (1, 1)
        self.views = 2 * self.offsets[0] * self.offsets[1] if crop else 1
        self.shape = (data.shape[0], crop, crop) if crop else data.shape

    def measure_on(self, train_samples: int | None, test_samples: int | None) -> None:
        """Let probes measure on that many samples of each part, evenly spaced from the first to the last; on all if
        None.

        Raises:
            InputError: A part has fewer samples.
        """
        parts = []
        for name, count, (x, y) in zip(("train", "test"), (train_samples, test_samples), self.measured, strict=True):
            if count is not None and count > len(x):
                raise InputError(f"problem.evaluate.{name}_samples = {count}: that part has {len(x):,} samples")
            if count is not None and count < len(x):
                index = torch.from_numpy(evenly_spaced(len(x), count)).to(self.device)
                x, y = x.index_select(0, index), y.index_select(0, index)
            parts.append((x, y))
        self.measured = parts[0], parts[1]

    def batch(self, samples: np.ndarray, views: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs `(..., channels, height, width)` and labels `(...)`, targets `(..., outputs)` or tokens `(...,
        length)`, for sample and view numbers of shape `(...)`.
        """
        index = torch.from_numpy(samples.ravel()).to(self.device)
        # Not by `[index]`, which on a CPU takes five times as long.
        inputs, labels = (wide(whole.index_select(0, index)) for whole in (self.train_x, self.train_y))
        inputs, labels = inputs.unflatten(0, samples.shape), labels.unflatten(0, samples.shape)
        if self.crop:
            inputs = self._viewed(inputs, torch.from_numpy(views).to(self.device))
        return inputs, labels

    def require_unchanged(self) -> None:
        """Raise RunError if a file in which inputs lie was written to since the run began."""
        for x in (self.train_x, self.test_x):
            if isinstance(x, Mapped):
                x.require_unchanged()

    def central(self, x: torch.Tensor | Mapped) -> torch.Tensor:
        """Return the view that evaluation uses."""
        if isinstance(x, Mapped):
            x = x.whole()
        if not self.crop:
            return wide(x)
        top, left = (count // 2 for count in self.offsets)
        return x[..., top : top + self.crop, left : left + self.crop]

    def _viewed(self, inputs: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
        assert self.crop
        flipped, offset = views % 2, views // 2
        steps = torch.arange(self.crop, device=inputs.device)
        rows = (offset // self.offsets[1])[..., None] + steps
        columns = (offset % self.offsets[1])[..., None] + torch.where(flipped[..., None].bool(), steps.flip(0), steps)
        width = inputs.shape[-1]
        positions = (rows[..., :, None] * width + columns[..., None, :]).flatten(-2)
        flat = inputs.flatten(-2)
        positions = positions.unsqueeze(-2).expand(*flat.shape[:-1], positions.shape[-1])
        return flat.gather(-1, positions).unflatten(-1, (self.crop, self.crop))
