"""What a GPU would refuse or wait for, seen without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

TRANSFERS = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
"""What brings a tensor from one device to another."""

ELSEWHERE = torch.device("meta")
"""Stands for a GPU: a device that is not the CPU, whose tensors have shapes and no values. What asks for a value, as
`.item()` does, raises; on a GPU it would wait for all that was begun there."""


class Mixed(RuntimeError):
    """An operation has tensors on two devices."""


class OneDevice(TorchDispatchMode):
    """Raises `Mixed` where an operation takes tensors of two devices, as CUDA's do; a number in a tensor may lie on the
    CPU. Torch's own checks for the meta device let some through: an index, a factor of a matrix product."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.dim()]
        devices = {tensor.device.type for tensor in tensors}
        if len(devices) > 1 and func not in TRANSFERS:
            raise Mixed(f"{func} on {', '.join(sorted(devices))}")
        return func(*args, **(kwargs or {}))
