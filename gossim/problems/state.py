"""What a network holds, wherever it holds it: parameters, buffers, attributes, generators, closures, globals."""

from __future__ import annotations

import collections
import functools
import hashlib
import inspect
import itertools
import random
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .layers import called
from .norms import KINDS

State = dict[tuple[str, str], Any]
"""By layer, as errors speak of it, and place in it, something that compares equal while nothing has changed there."""

Seen = dict[int, Any]
"""What has been looked at, by its `id`, which nothing else gets while it is kept here."""

LIMIT = 20_000
"""Leaves of one layer that are looked at: a table of data that it holds is not its state."""

OPEN = {"__main__", "collections", "types"}
"""Modules of Python's own whose objects may hold a network's state."""

STATELESS = (types.ModuleType, property, staticmethod, classmethod, types.BuiltinFunctionType)


def state_of(network: nn.Module) -> State:
    """Return what `network` holds now. Nothing is copied, and large tensors are compared by their digest."""
    seen: Seen = {id(network): network}
    found: State = {}
    modules = dict(network.named_modules())
    seen |= {id(module): module for module in modules.values()}
    for name, module in modules.items():
        layer = called(name, module)
        held = {place: thing for place, thing in vars(module).items() if place not in _left_out(module)}
        leaves = itertools.chain(_inside(held, "", seen), _of_class(type(module), seen))
        found |= {(layer, place): leaf for place, leaf in itertools.islice(leaves, LIMIT)}
    return found


def _left_out(module: nn.Module) -> tuple[str, ...]:
    """Return what is not compared: running statistics of BatchNorm, which no parameter is evaluated with, and layers,
    which are compared themselves.
    """
    return ("_modules", "_buffers") if type(module) in KINDS else ("_modules",)


def changed(before: State, after: State) -> tuple[str, str] | None:
    """Return the first layer and place that differs."""
    for where in itertools.chain(before, after):
        if before.get(where) != after.get(where):
            return where
    return None


def _inside(thing: Any, place: str, seen: Seen) -> Iterator[tuple[str, Any]]:
    leaf = _leaf(thing)
    if leaf is not None:
        yield place, leaf
        return
    if isinstance(thing, type):
        yield from _of_class(thing, seen)
        return
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, Mapping):
        yield place, len(thing)
        for key, value in list(thing.items()):
            yield from _inside(value, f"{place}.{key}" if place else str(key), seen)
    elif isinstance(thing, list | tuple | collections.deque):
        yield place, len(thing)
        for number, value in enumerate(thing):
            yield from _inside(value, f"{place}[{number}]", seen)
    elif isinstance(thing, set | frozenset):
        yield place, sorted(map(repr, thing))
    elif isinstance(thing, types.FunctionType):
        yield from _of_function(thing, place, seen)
    elif isinstance(thing, types.MethodType):
        yield from _inside(thing.__self__, place, seen)
        yield from _inside(thing.__func__, place, seen)
    elif isinstance(thing, functools.partial):
        yield from _inside([thing.func, thing.args, thing.keywords], place, seen)
    elif isinstance(thing, types.GeneratorType):
        yield place, thing.gi_frame and thing.gi_frame.f_lasti
        yield from _inside(inspect.getgeneratorlocals(thing), place, seen)
    else:
        yield from _of_object(thing, place, seen)


def _leaf(thing: Any) -> Any:
    """Return what a value without parts is compared by, or None for a value with parts."""
    match thing:
        case None | bool() | int() | float() | complex() | str() | bytes():
            return type(thing).__name__, repr(thing)
        case torch.Tensor():
            return _digest(thing)
        case np.ndarray():
            return "array", thing.shape, hashlib.sha256(thing.tobytes()).digest()
        case np.generic() | torch.dtype() | torch.device() | itertools.count() | itertools.cycle():
            return type(thing).__name__, repr(thing)
        case torch.Generator():
            return "generator", thing.get_state().numpy().tobytes()
        case np.random.Generator():
            return "generator", repr(thing.bit_generator.state)
        case np.random.RandomState():
            return "generator", repr(thing.get_state())
        case random.Random():
            return "generator", thing.getstate()
    return None


def _digest(tensor: torch.Tensor) -> Any:
    """Return a digest of a tensor. A different parameter in its place, or other memory under it, counts as a change."""
    own = (id(tensor), tensor.data_ptr()) if isinstance(tensor, nn.Parameter) else None
    kind = own, tensor.dtype, tuple(tensor.shape), tensor.requires_grad
    try:
        words = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
    except (RuntimeError, TypeError):  # sparse, or of a kind without bytes
        return *kind, repr(tensor.detach())
    return *kind, hashlib.sha256(words).digest()


def _of_function(function: types.FunctionType, place: str, seen: Seen) -> Iterator[tuple[str, Any]]:
    """Return what a user's function keeps between calls: closure, defaults, attributes, and the globals that it
    names.
    """
    if not _users(function.__module__):
        return
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield from _inside(cell.cell_contents, f"{place}.{name}", seen)
        except ValueError:  # not yet filled
            continue
    yield from _inside(function.__defaults__, f"{place}.defaults", seen)
    yield from _inside(function.__kwdefaults__, f"{place}.defaults", seen)
    yield from _inside(vars(function), place, seen)
    for name in code.co_names:
        if name in function.__globals__:
            yield from _inside(function.__globals__[name], f"the global '{name}'", seen)


def _of_class(cls: type, seen: Seen) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        if _users(base.__module__) and id(base) not in seen:
            seen[id(base)] = base
            for name, value in list(vars(base).items()):
                if not name.startswith("__") or name == "__call__":
                    unwrapped = getattr(value, "__func__", value)  # of a static or class method
                    yield from _inside(unwrapped, f"{base.__name__}.{name}", seen)


def _of_object(thing: Any, place: str, seen: Seen) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, STATELESS) or not _holds(type(thing)):
        return
    yield from _of_class(type(thing), seen)
    yield from _inside(getattr(thing, "__dict__", {}), place, seen)
    for base in type(thing).__mro__:
        slots = vars(base).get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            yield from _inside(getattr(thing, slot, None), f"{place}.{slot}", seen)


@functools.cache
def _users(module: str | None) -> bool:
    """Return whether the code of that module may be a user's own; installed libraries may keep caches."""
    top = (module or "").partition(".")[0]
    if top in sys.stdlib_module_names - {"__main__"} or top in ("torch", "numpy", "gossim"):
        return False
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    return not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _holds(cls: type) -> bool:
    """Return whether an object of this class may hold a network's state in its attributes."""
    top = cls.__module__.partition(".")[0]
    return top in OPEN or (top not in sys.stdlib_module_names and top not in ("torch", "numpy", "gossim"))
