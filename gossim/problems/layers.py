"""Layers that a run replaces or refuses, by their kind."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from ..errors import InputError
from .norms import KINDS

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_changed(module: nn.Module) -> bool:
    """Return whether this layer computes something other than its class says, because of hooks or a forward of its
    own.
    """
    return "forward" in vars(module) or any(getattr(module, kind) for kind in HOOKS)


def called(name: str, module: nn.Module) -> str:
    """Return the name of a layer in errors."""
    return f"layer '{name}', {type(module).__name__}," if name else f"the network, {type(module).__name__},"


def refuse_unfit(network: nn.Module) -> None:
    """Raise InputError for layers and parameters that cannot give what torch's own training loop does."""
    for name, module in network.named_modules(remove_duplicate=False):
        reason = _unfit(module)
        if reason:
            raise InputError(f"problem.model: {called(name, module)} {reason}")
    for name, parameter in network.named_parameters():
        if not parameter.is_floating_point():
            raise InputError(
                f"problem.model: the parameter '{name}' is of {parameter.dtype}; all parameters must be real numbers"
            )
        if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
            raise InputError(
                f"problem.model: the parameter '{name}' has hooks, which would not be called; take them off"
            )


def in_train_mode(network: nn.Module) -> nn.Module:
    """`network`, which its factory must return as `train()` leaves it. Raises InputError otherwise."""
    modes = [(name, module, module.training) for name, module in network.named_modules()]
    network.train()
    for name, module, before in modes:
        if module.training != before:
            raise InputError(
                f"problem.model: {called(name, module)} is in eval mode as its factory returns it, and train(), which "
                "torch's own training loop calls, ends that; leave eval() out, or override train() to keep it so"
            )
    return network


def _unfit(module: nn.Module) -> str | None:
    """Return why this layer cannot be used, if so."""
    if isinstance(module, nn.SyncBatchNorm) or (
        getattr(module, "track_running_stats", False) and type(module) not in KINDS
    ):
        return (
            "keeps running statistics, which are no parameters; use GroupNorm, nn.BatchNorm1d, 2d or 3d, or "
            "track_running_stats=False"
        )
    replaced = isinstance(module, nn.Dropout) or type(module) in KINDS
    if replaced and is_changed(module):
        return "has hooks, or a forward of its own, and is replaced by a layer without; take them off"
    if isinstance(module, nn.Dropout) and type(module).forward is not nn.Dropout.forward:
        return "has a forward of its own, and gossim draws the masks of nn.Dropout; use that"
    return None


def learned(network: nn.Module) -> list[nn.Parameter]:
    """Return the learned parameters in the order of the network, each once. Frozen ones are constants of the
    network.
    """
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def real_as(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert the real numbers of `network` to `dtype`. Complex buffers, which `to` would cut to their real part,
    stay.

    Raises:
        InputError: Some numbers are in a precision of their own, in which torch's loop would compute.
    """
    held = itertools.chain(network.named_parameters(), network.named_buffers())
    for name, tensor in held:
        if tensor.is_floating_point() and tensor.dtype not in (torch.float32, dtype):
            kind = str(tensor.dtype).removeprefix("torch.")
            hint = "say dtype: float64, or make it float32" if kind == "float64" else "make it float32"
            raise InputError(
                f"problem.model: '{name}' is of {kind}, and the scenario's dtype is "
                f"{str(dtype).removeprefix('torch.')}; {hint}"
            )
    return network.double() if dtype == torch.float64 else network.float()
