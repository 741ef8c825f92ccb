"""Sees what a network does to tensors while it runs: writes into what it was given, and random draws, by layer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from ..files.process_state import seeded
from ..rng import Purpose, key
from .layers import called
from .norms import KINDS


class Watch(TorchDispatchMode):
    """Watches all torch operations of this thread inside the block, backward passes included.

    A write is found by where it goes, whether or not it changes the values: a clamp that does nothing yet is one.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.owners: dict[int, str] = {}
        for name, module in network.named_modules():
            layer = called(name, module)
            self._own(module.named_parameters(recurse=False), layer, "its parameter")
            if type(module) not in KINDS:
                self._own(module.named_buffers(recurse=False), layer, "its buffer")
        self.written: str | None = None
        self.drawn: str | None = None
        self.drawn_elsewhere: str | None = None
        self.states = _global_states()
        self.device = next(network.parameters()).device
        self.inside: list[str] = []
        self.hooks: list[RemovableHandle] = []
        self.whole = called("", network)
        for name, module in network.named_modules():
            self._follow(module, called(name, module))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return whether to skip torch's compiler, whose import takes seconds and which is not used here."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.written is None:
            self._look(func._schema.arguments, args, kwargs)
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        before = self._torch_states()
        found = func(*args, **kwargs)
        if self.drawn is None and before != self._torch_states():
            self.drawn = f"{self.here} draws random numbers from torch's global generator"
        return found

    @property
    def here(self) -> str:
        """The layer that is at work."""
        return self.inside[-1] if self.inside else self.whole

    def look_at_generators(self) -> None:
        """Check whether the current layer has drawn from numpy's or Python's global generator."""
        states = _global_states()
        for name, state in states.items():
            if state != self.states[name] and self.drawn_elsewhere is None:
                self.drawn_elsewhere = f"{self.here} draws random numbers from {name}'s global generator"
        self.states = states

    def _torch_states(self) -> list[bytes]:
        states = [torch.get_rng_state()]
        if self.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.device))
        return [state.numpy().tobytes() for state in states]

    def _look(self, arguments: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for place, argument in enumerate(arguments):
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            for tensor in value if isinstance(value, list | tuple) else [value]:
                if isinstance(tensor, torch.Tensor):
                    self.written = self.written or self.owners.get(_storage(tensor))

    def _own(self, tensors: Iterable[tuple[str, torch.Tensor]], layer: str, kind: str) -> None:
        for name, tensor in tensors:
            self.owners.setdefault(_storage(tensor), f"{layer} writes into {kind} '{name}'")

    def _follow(self, module: nn.Module, layer: str) -> None:
        def enter(*_: Any) -> None:
            self.look_at_generators()
            self.inside.append(layer)

        def leave(*_: Any) -> None:
            self.look_at_generators()
            self.inside.pop()

        self.hooks.append(module.register_forward_pre_hook(enter, prepend=True))
        self.hooks.append(module.register_forward_hook(leave, always_call=True))

    def leave(self) -> None:
        """Take the hooks off the network."""
        for hook in self.hooks:
            hook.remove()


ATTEMPTS = 3
"""Looks at the global generators, from which another thread may draw at the same time."""


def generator_moved_by(call: Callable[[], object]) -> str | None:
    """Whose global generator the call moves, by draws or a seed: `torch`, `numpy`, `Python`, or None."""
    names: list[str] = []
    for attempt in range(ATTEMPTS):
        with seeded(key(attempt, Purpose.INITIALISATION)):  # nobody's own seed, which would not move it
            before = _all_states()
            call()
            after = _all_states()
        names = [name for name, state in before.items() if state != after[name]]
        if not names:
            return None
    return names[0]


def _all_states() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {"torch": [state.numpy().tobytes() for state in (torch.get_rng_state(), *cuda)], **_global_states()}


def _global_states() -> dict[str, Any]:
    return {"numpy": _numpys(), "Python": random.getstate()}


def _numpys() -> tuple[Any, ...]:
    state: Any = np.random.get_state()  # noqa: NPY002 (it is this one that is looked at)
    return state[0], state[1].tobytes(), *state[2:]


def _storage(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # a kind without storage
        return 0
