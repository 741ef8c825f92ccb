"""What a network holds, wherever it holds it: parameters, buffers, attributes, generators, closures, globals."""

from __future__ import annotations

import collections
import ctypes
import functools
import hashlib
import inspect
import itertools
import random
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
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
"""Leaves of one attribute that are looked at: a table of data that it holds is not its state."""

OPEN = {"__main__", "collections", "types"}
"""Modules of Python's own whose objects may hold a network's state."""

BOUND = (types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType)
"""Methods of an object, such as `itertools.count().__next__`."""

AS_IT_IS_MADE = {"__init__", "__new__", "__init_subclass__", "__set_name__", "__class_getitem__"}
"""Methods that no call of a network calls."""


def state_of(network: nn.Module) -> State:
    """Return what `network` holds now. Nothing is copied, and large tensors are compared by their digest."""
    seen: Seen = {id(network): network}
    found: State = {}
    modules = dict(network.named_modules())
    seen |= {id(module): module for module in modules.values()}
    for name, module in modules.items():
        layer = called(name, module)
        for attribute, thing in list(vars(module).items()):
            if attribute not in _left_out(module):
                found |= _up_to_limit(layer, _inside(thing, attribute, seen))
        found |= _up_to_limit(layer, _of_class(type(module), seen))
    return found


def state_of_function(function: Callable[..., Any]) -> State:
    """What a user's function, or an object that is called like one, keeps between calls."""
    return _up_to_limit("", _inside(function, "", {}))


def _up_to_limit(layer: str, leaves: Iterator[tuple[str, Any]]) -> State:
    return {(layer, place): leaf for place, leaf in itertools.islice(leaves, LIMIT)}


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
        if isinstance(thing, torch.Tensor) and getattr(thing, "__dict__", None):
            yield from _inside(thing.__dict__, place, seen)  # what was hung onto it
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
    elif isinstance(thing, BOUND):
        if not isinstance(thing.__self__, types.ModuleType):
            yield from _inside(thing.__self__, place, seen)
        if isinstance(thing, types.MethodType):
            yield from _inside(thing.__func__, place, seen)
    elif isinstance(thing, property):
        yield from _inside(thing.fget, place, seen)
    elif isinstance(thing, nn.Module):
        # One that is not registered is in no mode of the network's; the call that uses it says which.
        yield from _inside({name: part for name, part in vars(thing).items() if name != "training"}, place, seen)
        yield from _of_class(type(thing), seen)
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
        case bytearray() | memoryview() | ctypes.Array() | ctypes.Structure():
            return type(thing).__name__, bytes(thing)
        case np.ndarray() if not thing.dtype.hasobject:
            return "array", thing.shape, hashlib.sha256(thing.tobytes()).digest()
        case np.generic() | torch.dtype() | torch.device() | itertools.count():
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
    names = _names_in(code)
    for name in names:
        found = function.__globals__.get(name, sys.modules.get(name))
        if isinstance(found, types.ModuleType):
            yield from _of_module(found, names, seen, ())
        else:
            yield from _inside(found, f"the global '{name}'", seen)


def _names_in(code: types.CodeType) -> tuple[str, ...]:
    """Of globals, attributes and modules, also those in functions that are defined inside."""
    inner = [_names_in(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    return tuple(dict.fromkeys(itertools.chain(code.co_names, *inner)))


def _of_module(
    module: types.ModuleType, names: tuple[str, ...], seen: Seen, within: tuple[types.ModuleType, ...]
) -> Iterator[tuple[str, Any]]:
    """What a user's module has by these names, which stand in the code that uses it."""
    if module in within or not _users(module.__name__):
        return
    for name in names:
        found = vars(module).get(name)
        if isinstance(found, types.ModuleType):
            yield from _of_module(found, names, seen, (*within, module))
        elif found is not None:
            yield from _inside(found, f"'{name}' of the module {module.__name__}", seen)


def _of_class(cls: type, seen: Seen) -> Iterator[tuple[str, Any]]:
    for base in cls.__mro__:
        if _users(base.__module__) and id(base) not in seen:
            seen[id(base)] = base
            for name, value in list(vars(base).items()):
                if not name.startswith("__") or (isinstance(value, types.FunctionType) and name not in AS_IT_IS_MADE):
                    unwrapped = getattr(value, "__func__", value)  # of a static or class method
                    yield from _inside(unwrapped, f"{base.__name__}.{name}", seen)


def _of_object(thing: Any, place: str, seen: Seen) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, types.ModuleType | staticmethod | classmethod):
        return
    if isinstance(thing, np.ndarray):
        yield from _inside(thing.tolist(), place, seen)
    elif not _holds(type(thing)):
        yield from _inside(_pickled(thing), place, seen)
    else:
        yield from _of_class(type(thing), seen)
        yield from _inside(getattr(thing, "__dict__", {}), place, seen)
        for base in type(thing).__mro__:
            slots = vars(base).get("__slots__", ())
            for slot in [slots] if isinstance(slots, str) else slots:
                yield from _inside(getattr(thing, slot, None), f"{place}.{slot}", seen)


def _pickled(thing: Any) -> Any:
    """What an object of Python's own, such as an iterator, would be made again from, where it stands first; or None."""
    if type(thing).__module__.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # to pickle iterators is deprecated
            made = thing.__reduce_ex__(4)
    except Exception:  # locks, files and the like
        return getattr(thing, "__dict__", None)
    return made[:0:-1] if isinstance(made, tuple) else getattr(thing, "__wrapped__", None)


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
