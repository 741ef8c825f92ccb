"""What a network keeps between calls is found wherever Python can keep it."""

from __future__ import annotations

import array
import ctypes
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gossim.problems.state import changed, state_of, state_of_function
from support import counted

HERE = [0]


class Keeps(nn.Module):
    """Holds `kept`, and calls `step(self)` in each forward pass."""

    def __init__(self, kept: Any, step: Callable[[Any], object]):
        super().__init__()
        self.vocabulary = list(range(50_000))  # more than is looked at
        self.kept, self.step = kept, step
        self.linear = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.step(self)
        found: torch.Tensor = self.linear(x)
        return found


def _first(of: Any) -> None:
    of[0] = of[0] + 1


def _nested(net: Keeps) -> None:
    def inner() -> None:
        HERE[0] += 1

    inner()


def _imports(net: Keeps) -> None:
    from support import counted as other

    other.CALLS += 1


def _module(net: Keeps) -> None:
    counted.CALLS += 1


def _of_tensor(net: Keeps) -> None:
    weight: Any = net.linear.weight
    weight.calls = getattr(weight, "calls", 0) + 1


def _objects() -> np.ndarray:
    found = np.empty(1, object)
    found[0] = [0]
    return found


class Scale:
    """A property that counts."""

    @property
    def value(self) -> float:
        HERE[0] += 1
        return 1.0


class Indexed:
    """Counts in a method that an operator calls."""

    def __getitem__(self, place: int) -> int:
        HERE[0] += 1
        return place


def _clamped(net: Keeps) -> None:
    net.kept[0].weight.data.clamp_(-0.01, 0.01)


KEPT: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "bytearray": (lambda: bytearray(1), lambda net: _first(net.kept)),
    "memoryview": (lambda: memoryview(bytearray(1)), lambda net: _first(net.kept)),
    "array": (lambda: array.array("q", [0]), lambda net: _first(net.kept)),
    "ctypes": (lambda: (ctypes.c_long * 1)(0), lambda net: _first(net.kept)),
    "array of objects": (_objects, lambda net: _first(net.kept[0])),
    "iterator of a list": (lambda: iter(list(range(30_000))), lambda net: next(net.kept)),
    "iterator of a range": (lambda: iter(range(30_000)), lambda net: next(net.kept)),
    "cycle": (lambda: itertools.cycle([1.0, 0.5]), lambda net: next(net.kept)),
    "chain": (lambda: itertools.chain([1], [2]), lambda net: next(net.kept)),
    "enumerate": (lambda: enumerate([1, 2]), lambda net: next(net.kept)),
    "zip": (lambda: zip([1, 2], [3, 4], strict=True), lambda net: next(net.kept)),
    "map": (lambda: map(abs, [1, 2]), lambda net: next(net.kept)),
    "bound method": (lambda: itertools.count().__next__, lambda net: net.kept()),
    "bound method of a list": (lambda: [].append, lambda net: net.kept(1)),
    "layer in a list": (lambda: [nn.Linear(2, 2)], _clamped),
    "norm in a dict": (lambda: {"a": nn.BatchNorm1d(2)}, lambda net: net.kept["a"](torch.ones(3, 2) * torch.arange(2))),
    "attribute of a parameter": (lambda: None, _of_tensor),
    "function inside": (lambda: None, _nested),
    "another module": (lambda: None, _module),
    "a function of another module": (lambda: None, lambda net: counted.bump()),
    "a list of another module": (lambda: None, lambda net: _first(counted.LIST)),
    "imported inside": (lambda: None, _imports),
    "property": (Scale, lambda net: net.kept.value),
    "operator": (Indexed, lambda net: net.kept[0]),
    "cached function": (lambda: functools.lru_cache(lambda: HERE), lambda net: _first(net.kept())),
}


@pytest.mark.parametrize("kind", KEPT)
def test_state_is_found_wherever_it_is_kept(kind: str) -> None:
    make, step = KEPT[kind]
    network = Keeps(make(), step)
    before = state_of(network)
    assert changed(before, state_of(network)) is None
    network(torch.ones(1, 2))
    assert changed(before, state_of(network)) is not None


def test_what_only_looks_so_is_no_state() -> None:
    """Draws of a generator that starts anew in each call, and layers that are in no list of the network's."""
    kept = [nn.Dropout(0.5)]

    def step(net: Keeps) -> None:
        kept[0].train(net.training)
        kept[0](torch.rand(3, generator=torch.Generator().manual_seed(1)))
        np.random.default_rng(1).random()

    network = Keeps(kept, step)
    before = state_of(network)
    network.train()(torch.ones(1, 2))
    network.eval()(torch.ones(1, 2))
    network.train()
    assert changed(before, state_of(network)) is None


def test_a_function_that_counts() -> None:
    def counts() -> None:
        HERE[0] += 1

    before = state_of_function(counts)
    assert changed(before, state_of_function(counts)) is None
    counts()
    assert changed(before, state_of_function(counts)) == ("", "the global 'HERE'[0]")
