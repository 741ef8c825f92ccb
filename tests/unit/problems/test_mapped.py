"""Arrays that stay in their file: the same numbers as in memory, and no memory of the run's own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gossim
from gossim.errors import InputError, RunError
from gossim.estimates.events import events
from gossim.estimates.memory import memory
from gossim.problems import DATA
from gossim.problems.build import build
from gossim.problems.data import DataFactory, DataSpec, loaded
from support.present import present
from support.scenarios import CPU, only_arm, scenario

RANDOM = np.random.default_rng(5)
X, Y = RANDOM.normal(size=(50, 6)), np.arange(50) % 3
KINDS: list[Any] = [
    X,
    X.astype(np.float32),
    X.astype(">f4"),
    X.astype(np.float16),
    np.asfortranarray(X),
    X.reshape(50, 2, 3),
    (X * 9).astype(np.int8) + 40,
    (X * 9 + 40).astype(np.uint16),
]
CLOCK = {"network": {"latency_s": 0.0, "bandwidth_bytes_per_s": None}}


def npz(file: Path, x: np.ndarray, save: Any = np.savez) -> DataSpec:
    save(file, train_x=x[:40], train_y=Y[:40], test_x=x[40:], test_y=Y[40:])
    return DATA["npz"].model_validate({"name": "npz", "file": str(file)})


def learning(file: Path, model: Any = None, **more: Any) -> dict[str, Any]:
    own = {"model": model or {"name": "logistic"}, "data": {"name": "npz", "file": str(file)}, "batch_size": 4}
    return {"problem": own, **CLOCK, **more}


@pytest.mark.parametrize("x", KINDS, ids=lambda x: f"{x.dtype}-{x.ndim}-{x.flags.c_contiguous}")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_are_those_of_the_arrays(x: np.ndarray, dtype: str, tmp_path: Path) -> None:
    compressed = loaded(npz(tmp_path / "c.npz", x, np.savez_compressed))
    data = loaded(npz(tmp_path / "a.npz", x))
    assert data.in_files
    assert not compressed.in_files
    for found, expected in ((data.train_x, x[:40]), (data.test_x, x[40:]), (compressed.train_x, x[:40])):
        assert np.array_equal(found, expected)
    model = {"name": f"{__name__}:flat"}
    read: Any
    held: Any
    read, held = (
        build(present(only_arm(**learning(tmp_path / file, model)).problem), 4, 0, dtype, CPU)
        for file in ("a.npz", "c.npz")
    )
    for one, other in zip(read.batch([0, 3], [5, 2]), held.batch([0, 3], [5, 2]), strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
    assert read.losses(read.initial()) == held.losses(held.initial())


class Flat(torch.nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1).to(self.weight.dtype))


def flat(classes: int) -> torch.nn.Module:
    return Flat(6, classes)


def test_a_run_has_the_same_bytes(tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", X)
    npz(tmp_path / "c.npz", X, np.savez_compressed)
    for more in ({}, {"model": {"name": "mlp", "hidden": [5]}, "dtype": "float32"}):
        mapped, held = (gossim.run(scenario(**learning(tmp_path / file, **more))) for file in ("a.npz", "c.npz"))
        assert mapped.probes.equals(held.probes)


def test_without_a_test_part_arrays_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_x=X, train_y=Y)
    assert not loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / "a.npz")})).in_files


def own_memory_bytes() -> int:
    """Of this process, without what is mapped from files."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_there_is_no_copy_in_memory(tmp_path: Path) -> None:
    size_bytes = 2**26
    x = np.zeros((2**14, 2**10), np.float32)
    np.savez(tmp_path / "a.npz", train_x=x, train_y=np.arange(len(x)) % 3, test_x=x[:9], test_y=np.arange(9) % 3)
    del x
    arm = only_arm(**learning(tmp_path / "a.npz"), dtype="float32")
    assert arm.problem is not None
    build(
        present(only_arm(problem={**learning(Path())["problem"], "data": {"name": "digits"}}).problem),
        4,
        0,
        "float32",
        CPU,
    )
    before = own_memory_bytes()
    problem: Any = build(arm.problem, 64, 0, "float32", CPU)
    problem.gradients(problem.initial().repeat(64, 1), list(range(64)), [0] * 64)
    problem.losses(problem.initial())
    assert own_memory_bytes() - before < size_bytes / 2
    estimated = memory(arm, events(arm, 4.0), learns=True, seeds=1)
    assert estimated.parts["for data and minibatches"][0] < size_bytes / 2


def test_a_file_that_is_written_to_meanwhile_ends_the_run(tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", X)
    problem: Any = build(present(only_arm(**learning(tmp_path / "a.npz")).problem), 4, 0, "float64", CPU)
    before = problem.losses(problem.initial())
    npz(tmp_path / "b.npz", 2 * X)
    os.replace(tmp_path / "b.npz", tmp_path / "a.npz")
    assert problem.losses(problem.initial()) == before, "the file that was mapped is as it was"
    problem = build(present(only_arm(**learning(tmp_path / "a.npz")).problem), 4, 0, "float64", CPU)
    with open(tmp_path / "a.npz", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    with pytest.raises(RunError, match=r"a\.npz: was written to"):
        problem.losses(problem.initial())


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    spec = npz(tmp_path / "a.npz", X)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    place = content.find(X[:40].tobytes()) + 100
    content[place] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz: cannot be read.*CRC"):
        loaded(spec)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (X.astype(np.longdouble), "train_x is .*128, and torch has at most float64"),
        (np.full((50, 6), 2**63 + 1, np.uint64), "train_x has the number 9223372036854775809, and torch has"),
        (np.where(np.arange(50)[:, None] == 33, np.nan, X), "sample 33 of train_x, counted from 0"),
    ],
)
def test_numbers_that_torch_has_not_are_refused(x: np.ndarray, said: str, tmp_path: Path) -> None:
    for save in (np.savez, np.savez_compressed):
        with pytest.raises(InputError, match=said):
            loaded(npz(tmp_path / "a.npz", x, save))


def from_a_file(file: str) -> Any:
    x = np.load(file, mmap_mode="r")
    return (x[:40], Y[:40]), (x[40:], Y[40:])


def test_a_factorys_map_stays_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    spec = DataFactory.model_validate({"name": f"{__name__}:from_a_file", "file": str(tmp_path / "x.npy")})
    data = loaded(spec)
    assert data.in_files
    assert np.array_equal(data.train_x, X[:40])
