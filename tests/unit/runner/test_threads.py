"""`gossim.run` from several threads at once gives the bytes of one after the other, and leaves the process alone."""

from __future__ import annotations

import gc
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch

import gossim
from gossim.execute.planes import collector_resting
from gossim.files.process_state import seeded
from gossim.plots.style import style
from gossim.problems.data import DATA, Dataset, DataSpec, loaded
from gossim.tables.columns import TABLES
from support.scenarios import scenario

PROBLEMS: list[dict[str, Any]] = [
    {"model": {"name": "mlp", "hidden": [16], "dropout": 0.3}, "data": {"name": "tiny", "side": 8}, "batch_size": 4},
    {"model": {"name": "mlp", "hidden": [16]}, "data": {"name": "tiny", "side": 8}, "batch_size": 4},
    {"model": {"name": "support.networks:small_cnn"}, "data": {"name": "tiny", "side": 8}, "batch_size": 3},
    {"model": {"name": "support.stateful:from_globals"}, "data": {"name": "tiny", "side": 8}, "batch_size": 3},
    {
        "model": {"name": "support.stateful:normalised", "dropout": 0.2},
        "data": {"name": "tiny", "side": 8},
        "batch_size": 5,
    },
    {"model": {"name": "gosgd_cnn"}, "data": {"name": "tiny"}, "batch_size": 2},
    {"model": {"name": "quadratic", "dim": 5, "gradient_noise": 0.3}},
]


def outcome(problem: dict[str, Any], seed: int) -> bytes:
    """Every table, as text with all digits."""
    run = scenario(
        problem=problem,
        workers=1 + seed % 3,
        seed=seed,
        dtype="float32",
        until={"gradient_steps": 6},
        probe={"every_s": 0.2},
    )
    results = gossim.run(run)
    return b"".join(getattr(results, name).to_csv(float_format="%.17g").encode() for name in sorted(TABLES))


class Tiny(DataSpec):
    """Images as large as those of MNIST, or others, and few."""

    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 30
    name: Literal["tiny"] = "tiny"
    side: int = 28

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.side, self.side)

    def load(self) -> Dataset:
        images = np.random.default_rng(0).random((40, *self.shape)).astype(np.float32)
        labels = np.arange(40) % 10
        return Dataset(images[:30], labels[:30], images[30:], labels[30:])


def test_threads_at_once_are_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA, "tiny", Tiny)
    jobs = [(problem, seed) for seed in range(2) for problem in PROBLEMS]
    serial = [outcome(*job) for job in jobs]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tobytes()  # noqa: NPY002
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: outcome(*job), jobs))
    assert [place for place, pair in enumerate(zip(serial, together, strict=True)) if pair[0] != pair[1]] == []
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state(legacy=False)["state"]["key"].tobytes() == states[2]  # noqa: NPY002
    assert (torch.get_num_threads(), gc.isenabled()) == (threads, True)


def test_layers_are_drawn_under_one_lock() -> None:
    """Many short draws at the same time: without the lock nearly every run of this fails."""

    def drawn(key: int) -> list[torch.Tensor]:
        with seeded(key):
            return [torch.randn(50) for _ in range(20)]

    keys = list(range(8)) * 6
    serial = [torch.cat(drawn(key)) for key in keys]
    with ThreadPoolExecutor(4) as pool:
        together = [torch.cat(each) for each in pool.map(drawn, keys)]
    assert all(map(torch.equal, serial, together))


def test_the_collector_rests_until_the_last_run_ends() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with collector_resting():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with collector_resting():
        thread.start()
        assert inside.wait(10)
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_figures_are_drawn_by_one_thread_at_a_time() -> None:
    began, done = threading.Event(), threading.Event()

    def other() -> None:
        began.set()
        with style():
            done.set()

    with style():
        thread = threading.Thread(target=other)
        thread.start()
        assert began.wait(10)
        assert not done.wait(0.1)
    thread.join()
    assert done.is_set()


def test_shared_samples_cannot_be_written_into() -> None:
    data = loaded(DATA["digits"].model_validate({}))
    for array in (data.train_x, data.train_y, data.test_x, data.test_y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
