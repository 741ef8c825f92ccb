"""What a scenario names draws the same numbers in every process, and leaves the generators of this one alone."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gossim
from gossim.algorithms import _by_path
from gossim.files.process_state import UNSEEDED, module_named
from gossim.problems.data import DataFactory
from support.scenarios import scenario

MODULE = """
import random
import numpy as np
import torch
from torch import nn
from gossim import Algorithm

DRAWN = nn.Linear(64, 10), np.random.rand(), random.random()


class Own(Algorithm):
    def worker(self, w):
        while True:
            yield w.compute()
            w.apply_gradient()


def network():
    made = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    made[1].weight.data.add_(DRAWN[0].weight.data)
    return made


def data():
    inputs = np.random.rand(30, 4).astype(np.float32) + random.random()
    return (torch.from_numpy(inputs) + torch.rand(30, 4), np.arange(30) % 3), None
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that draws as it is imported, and that nothing has imported."""
    (tmp_path / "drawing_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "drawing_module"
    sys.modules.pop("drawing_module", None)


def states() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()  # noqa: NPY002


def stir(seed: int) -> None:
    """Move the global generators."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    yield
    torch.set_rng_state(before[0])
    np.random.set_state(before[1])  # noqa: NPY002
    random.setstate(before[2])


@pytest.mark.parametrize("by", ["module", "algorithm"])
def test_what_a_module_draws_as_it_is_imported_is_the_same_everywhere(module: str, by: str) -> None:
    found = []
    for seed in (1, 2):
        stir(seed)
        before = states()
        if by == "module":
            module_named(module)
        else:
            _by_path.found(f"{module}:Own")
        assert states() == before
        layer, *numbers = sys.modules.pop(module).DRAWN
        found.append((layer.weight.tolist(), layer.bias.tolist(), *numbers))
    assert found[0] == found[1]


def test_a_process_that_has_seeded_nothing_draws_the_same() -> None:
    assert torch.Generator().initial_seed() == UNSEEDED


def test_a_network_of_a_module_that_draws_is_not_taken_for_one_that_differs(module: str) -> None:
    problem = {"model": {"name": f"{module}:network"}, "data": {"name": "digits"}, "batch_size": 2}
    losses = []
    for seed in (1, 2):
        stir(seed)
        run = scenario(problem=problem, workers=1, dtype="float32", until={"gradient_steps": 2})
        losses.append(gossim.run(run).probes["train_loss"].tolist())
        sys.modules.pop(module)
    assert losses[0] == losses[1]


def test_data_that_a_factory_draws_are_the_same_everywhere(module: str) -> None:
    drawn = []
    import rich.style  # noqa: F401 (draws from Python's generator as it is imported)

    for seed in (1, 2):
        stir(seed)
        before = states()
        drawn.append(DataFactory.model_validate({"name": f"{module}:data"}).load())
        assert states() == before
    assert np.array_equal(drawn[0].train_x, drawn[1].train_x)
    assert np.array_equal(drawn[0].test_x, drawn[1].test_x)
