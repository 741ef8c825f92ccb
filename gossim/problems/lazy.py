"""Layers that take their shapes from the first sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from ..errors import InputError, told
from .layers import called


def give_shapes(network: nn.Module, shape: tuple[int, ...], tokens: Callable[[], bool]) -> None:
    """Call a network with lazy layers on two samples of zeros, so that these have parameters; others are left alone.

    Args:
        network: As its factory made it.
        shape: Of a sample.
        tokens: Whether samples are whole numbers; asked only if there are lazy layers.

    Raises:
        InputError: It cannot be called, or the call does not reach every lazy layer.
    """
    if not _lazy(network):
        return
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(2, *shape, dtype=torch.int64 if tokens() else torch.float32))
    except Exception as error:  # a user's network may do anything
        raise InputError(f"problem.model: does not take samples of shape {shape}: {told(error)}") from None
    network.train()
    for name, module in _lazy(network):
        raise InputError(
            f"problem.model: {called(name, module)} has no shape before its first call, and no sample reaches it"
        )


def _lazy(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, module) for name, module in network.named_modules() if _has_no_shape(module)]


def _has_no_shape(module: Any) -> bool:
    return isinstance(module, LazyModuleMixin) and module.has_uninitialized_params()  # type: ignore[misc]
