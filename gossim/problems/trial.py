"""What one gradient of a network shows: whether its layers draw from torch's generator, and what memory it takes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from ..files.process_state import seeded
from .dropout import Draws, Masks, drawing
from .losses import Loss


class Trial(NamedTuple):
    """`from_torch`: whether layers draw from torch's global generator, or draw masks again in the backward pass (an
    activation checkpoint), which torch puts back there; `kept_bytes`: of activations, kept for the backward pass."""

    from_torch: bool
    kept_bytes: int


def tried(network: nn.Module, draws: Draws, loss: Loss, inputs: torch.Tensor, labels: torch.Tensor) -> Trial:
    """Take a gradient of `network`, in train mode, on a batch; one that cannot be taken shows nothing."""
    kept: dict[int, torch.Tensor] = {}
    parameters = {_storage(parameter) for parameter in network.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(_storage(tensor), tensor.detach())
        return tensor

    with seeded(0):
        before = _states(inputs.device)
        try:
            with (
                torch.enable_grad(),
                torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
                drawing(draws, torch.zeros((), dtype=torch.int64, device=inputs.device)),
            ):
                value = loss.mean(network(inputs.clone()), labels)
                drawn = draws.drawn if isinstance(draws, Masks) else 0
                value.backward()
        except Exception:  # what is wrong with the network itself is seen when its gradients are checked
            return Trial(False, 0)
        again = isinstance(draws, Masks) and draws.drawn != drawn
        moved = before != _states(inputs.device)
    sizes = (tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in parameters)
    return Trial(again or moved, sum(sizes))


def _states(device: torch.device) -> list[bytes]:
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return [state.numpy().tobytes() for state in states]


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata
