"""Networks that keep state, write where they must not, or draw, each in another way; and some that only look so."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils import checkpoint

CALLS = [0]
ONE = nn.Linear(64, 10)


class Own(nn.Module):
    """A linear layer on what `before` makes of the samples; `before` is given this module."""

    total = 0

    def __init__(self, before: Callable[[Any, torch.Tensor], torch.Tensor], conv: bool = False):
        super().__init__()
        self.before, self.calls, self.kept = before, 0, [0]
        self.counter, self.random = itertools.count(), torch.Generator().manual_seed(0)
        self.register_buffer("mean", torch.zeros(64))
        self.inner = nn.Conv2d(1, 1, 3, padding=1) if conv else nn.Identity()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(self.before(self, self.inner(x).flatten(1)))
        return logits


def _clamp(own: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        own.linear.weight.clamp_(-1e6, 1e6)  # does nothing yet
    return x


def _data(own: Any, x: torch.Tensor) -> torch.Tensor:
    own.linear.weight.data.clamp_(-1e6, 1e6)
    return x


def _renorm(own: Any, x: torch.Tensor) -> torch.Tensor:
    own.linear.weight.data = torch.renorm(own.linear.weight.data, 2, 0, 5.0)
    return x


def _buffer(own: Any, x: torch.Tensor) -> torch.Tensor:
    own.mean.lerp_(x.detach().mean(0), 0.1)
    return x - own.mean


def _count(own: Any, x: torch.Tensor) -> torch.Tensor:
    own.calls += 1
    return x


def _list(own: Any, x: torch.Tensor) -> torch.Tensor:
    own.kept[0] += 1
    return x


def _global(own: Any, x: torch.Tensor) -> torch.Tensor:
    CALLS[0] += 1
    return x


def _class(own: Any, x: torch.Tensor) -> torch.Tensor:
    Own.total += 1
    return x


def _iterator(own: Any, x: torch.Tensor) -> torch.Tensor:
    return x * min(1.0, 0.9 + next(own.counter) / 1000)


def _generator(own: Any, x: torch.Tensor) -> torch.Tensor:
    return x + torch.rand(64, generator=own.random)


def _torch(own: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.dropout(x, 0.5, own.training)


def _numpy(own: Any, x: torch.Tensor) -> torch.Tensor:
    return x * float(np.random.rand())  # noqa: NPY002


def _python(own: Any, x: torch.Tensor) -> torch.Tensor:
    return x * random.random()


def _mode(own: Any, x: torch.Tensor) -> torch.Tensor:
    own.linear.training = False
    return x


def _company(own: Any, x: torch.Tensor) -> torch.Tensor:
    return x - x.mean(0)


def _in_place(own: Any, x: torch.Tensor) -> torch.Tensor:
    return x.mul_(2)


def _seeds(own: Any, x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(3)
    return x


def _drowned(own: Any, x: torch.Tensor) -> torch.Tensor:
    """Noise in eval mode that is hardly above rounding."""
    noise = np.random.default_rng().standard_normal(64)
    return x if own.training else x + 1e-6 * torch.from_numpy(noise).to(x.dtype)


WAYS = {
    "seeds": _seeds,
    "drowned": _drowned,
    "clamp": _clamp,
    "data": _data,
    "renorm": _renorm,
    "buffer": _buffer,
    "count": _count,
    "list": _list,
    "global": _global,
    "class": _class,
    "iterator": _iterator,
    "generator": _generator,
    "torch": _torch,
    "numpy": _numpy,
    "python": _python,
    "mode": _mode,
    "company": _company,
    "in_place": _in_place,
}


def own(way: str, conv: bool = False) -> nn.Module:
    return Own(WAYS[way], conv)


def closure() -> nn.Module:
    calls = 0

    def count(own: Any, x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return x

    return Own(count)


def hooked(kind: str) -> nn.Module:
    network: Any = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    if kind == "parameter":
        network[1].weight.register_hook(lambda slope: slope.clamp(-1, 1))
    elif kind == "pre":
        network[1].register_forward_pre_hook(lambda layer, _: bool(layer.weight.data.clamp_(-1e6, 1e6) is None) or None)
    elif kind == "spectral":
        nn.utils.spectral_norm(network[1])
    elif kind == "instance":
        plain = network[1].forward
        network[1].forward = lambda x: 2 * plain(x)
    return network


def odd_dropout() -> nn.Module:
    class Growing(nn.Dropout):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.p = min(0.5, self.p + 0.01)
            return super().forward(x)

    return nn.Sequential(nn.Flatten(), Growing(0.1), nn.Linear(64, 10))


def recomputed() -> nn.Module:
    """Dropout in an activation checkpoint."""

    class Recomputed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.last = nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.5)), nn.Linear(16, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = checkpoint.checkpoint(self.inner, x.flatten(1), use_reentrant=False)
            logits: torch.Tensor = self.last(hidden)
            return logits

    return Recomputed()


def at_random() -> nn.Module:
    """Initialised from a generator that nobody has seeded."""
    network = nn.Linear(64, 10)
    network.weight.data.copy_(torch.from_numpy(np.random.default_rng().random((10, 64))))
    return nn.Sequential(nn.Flatten(), network)


def from_globals() -> nn.Module:
    network = nn.Linear(64, 10)
    drawn = np.random.randn(10, 64) * random.random()  # noqa: NPY002
    network.weight.data.copy_(torch.from_numpy(drawn))
    return nn.Sequential(nn.Flatten(), network)


def one_for_all() -> nn.Module:
    return nn.Sequential(nn.Flatten(), ONE)


def complex_parameter() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    network.register_parameter("phase", nn.Parameter(torch.zeros(3, dtype=torch.complex64)))
    return network


def normalised(kind: str = "dense", track: bool = True, dropout: float = 0.0) -> nn.Module:
    if kind == "conv":
        return nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4, track_running_stats=track),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 10),
        )
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16, track_running_stats=track), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(16, 8), nn.BatchNorm1d(8, affine=False), nn.Linear(8, 10)),
    )


def parametrized(kind: str = "weight_norm") -> nn.Module:
    layer = getattr(parametrizations, kind)(nn.Linear(64, 10))
    return nn.Sequential(nn.Flatten(), layer)


def tied() -> nn.Module:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
            self.second.weight = self.first.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.last(torch.tanh(self.second(torch.tanh(self.first(x.flatten(1))))))
            return logits

    return Tied()


def recurrent() -> nn.Module:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.last = nn.GRU(8, 8, batch_first=True), nn.Linear(8, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.last(self.rnn(x[:, 0])[0][:, -1])
            return logits

    return Recurrent()


def padded() -> nn.Module:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.last = nn.Embedding(17, 4, padding_idx=0), nn.Linear(256, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.last(self.embedding((x * 16).round().long().flatten(1)).flatten(1))
            return logits

    return Padded()


def in_eval_mode(what: str = "all") -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    (network if what == "all" else network[1]).eval()
    return network


def kept_in_eval_mode() -> nn.Module:
    """A dropout that never drops, whatever mode the network is in."""

    class Kept(nn.Sequential):
        def train(self, mode: bool = True) -> Kept:
            super().train(mode)
            self[1].train(False)
            return self

    return Kept(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10)).train()


def precise(kind: str, what: str = "parameter") -> nn.Module:
    """A layer, or a buffer, in a precision of its own."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    if what == "buffer":
        network.register_buffer("scale", torch.ones(1, dtype=getattr(torch, kind)))
    else:
        network[1].to(getattr(torch, kind))
    return network
