"""An arm that goes on from where it stood: the same bytes, under every algorithm and optimizer."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossim
from gossim.errors import InputError
from gossim.runner import pair
from gossim.runner.checkpoint import Checkpoint, Checkpoints
from gossim.scenario.scenario import Scenario
from gossim.tables.parts import Parts, RecordedTables
from support.algorithms import ALGORITHMS
from support.interrupted import Stopped, table_bytes
from support.optimizers import OPTIMIZERS
from support.scenarios import scenario

CHECKPOINT = Path("unfinished", "0-0-under-way.part")


@pytest.fixture(autouse=True)
def many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some twenty windows in a short run, and a checkpoint after each."""
    monkeypatch.setattr(pair, "window_size", lambda *_: (8, 10**6))
    monkeypatch.setattr("gossim.runner.checkpoint.SHARE", float("inf"))


def asked(**sections: Any) -> Scenario:
    return scenario(**{"until": {"gradient_steps": 160}, "probe": {"every_s": 0.1, "layers": True}, **sections})


def cut_off(described: Scenario, out: Path, time_s: float, **options: Any) -> None:
    """Interrupt a run as soon as its clock has come to `time_s`."""
    with pytest.raises(KeyboardInterrupt):
        gossim.run(described, out=out, progress=Stopped(0, time_s), checkpoint_every_s=0.0, **options)


def require_the_same(described: Scenario, folder: Path, **options: Any) -> None:
    """Cut a run off twice, and go on: nothing is computed twice, and the tables are those of a run in one go."""
    gossim.run(described, out=folder / "whole", **options)
    out = folder / "cut"
    cut_off(described, out, 1.0, **options)
    first = windows(out / CHECKPOINT)
    cut_off(described, out, 2.0, **options)
    assert windows(out / CHECKPOINT) > first > 0
    gossim.run(described, out=out, checkpoint_every_s=0.0, **options)
    assert table_bytes(out) == table_bytes(folder / "whole")
    assert not (out / "unfinished").exists()


def windows(checkpoint: Path) -> int:
    with zipfile.ZipFile(checkpoint) as archive:
        return int(json.loads(archive.read("about.json"))["windows"])


@pytest.fixture(autouse=True)
def cheap_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gossim.results.Results.plot", lambda *_, **__: {})


def test_who_watches_is_told_where_it_goes_on_and_after_how_long(tmp_path: Path) -> None:
    begun_s = time.monotonic()
    cut_off(asked(), tmp_path, 2.0)
    took_s = time.monotonic() - begun_s
    watching = Stopped(1)
    gossim.run(asked(), out=tmp_path, progress=watching)
    ((time_s, steps, seconds),) = watching.resumed_after
    assert 0 < seconds < took_s
    assert 1.5 < time_s <= 2.0
    assert 0 < steps < 160
    assert min(watching.came) > time_s, "the clock that runs again is no progress"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if place % 4 else []) for place, name in enumerate(sorted(ALGORITHMS))],
)
def test_every_algorithm_goes_on(name: str, tmp_path: Path) -> None:
    algorithm = ALGORITHMS[name]
    require_the_same(asked(algorithm=algorithm), tmp_path)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_goes_on(name: str, tmp_path: Path) -> None:
    require_the_same(asked(optimizer=OPTIMIZERS[name]), tmp_path)


def test_the_reference_goes_on(tmp_path: Path) -> None:
    require_the_same(asked(), tmp_path, executor="reference")


def test_a_network_with_faults_and_losses_goes_on(tmp_path: Path) -> None:
    model, loss = {"name": "mlp", "hidden": [8], "dropout": 0.2}, {"name": "independent", "probability": 0.2}
    sections = {
        "problem": {"model": model, "data": {"name": "digits"}, "batch_size": 4},
        "faults": [{"name": "crash", "workers": [1], "at_s": 0.7, "back_after_s": 0.8, "parameters": "fetched"}],
        "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e6, "sharing": "fair", "loss": loss},
        "dtype": "float32",
    }  # fmt: skip
    require_the_same(asked(**sections), tmp_path)


def test_what_was_computed_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gossim.problems.problem import QuadraticProblem

    described, taken = asked(until={"gradient_steps": 400}, probe={"every_s": 100.0}), 0
    real = QuadraticProblem.gradients

    def counted(problem: Any, x: Any, workers: Any, steps: Any) -> Any:
        nonlocal taken
        taken += len(x)
        return real(problem, x, workers, steps)

    monkeypatch.setattr(QuadraticProblem, "gradients", counted)
    monkeypatch.setattr(QuadraticProblem, "descend", _by_gradients)
    gossim.run(described, out=tmp_path / "whole")
    whole, taken = taken, 0
    cut_off(described, tmp_path / "cut", 7.0)
    gossim.run(described, out=tmp_path / "cut")
    assert whole <= taken < 1.2 * whole


def _by_gradients(problem: Any, x: Any, workers: Any, steps: Any, keep: float, rate: float) -> None:
    x.mul_(keep).sub_(rate * problem.gradients(x, workers, steps))


def test_a_clock_that_does_not_repeat_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that is no module of the user's own, and has no version, has changed."""
    from gossim.sim.messaging import Messaging

    cut_off(asked(), tmp_path, 2.0)
    real = Messaging.halved
    with monkeypatch.context() as patch:
        patch.setattr(Messaging, "halved", lambda self, *a, **k: _quarter(real, self, *a, **k))
        with pytest.raises(InputError, match="under-way.part: the clock does not repeat the run that this was kept of"):
            gossim.run(asked(), out=tmp_path)
    gossim.run(asked(), out=tmp_path)


def _quarter(real: Any, messaging: Any, *arguments: Any, **options: Any) -> Any:
    real(messaging, *arguments, **options)
    return real(messaging, *arguments, **options)


@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(path.read_bytes()[:-200]), lambda path: path.unlink(),
    lambda path: path.write_bytes(b""),
], ids=["cut", "gone", "empty"])  # fmt: skip
def test_a_checkpoint_that_cannot_be_used_is_as_none(damage: Any, tmp_path: Path) -> None:
    cut_off(asked(), tmp_path / "run", 2.0)
    damage(tmp_path / "run" / CHECKPOINT)
    gossim.run(asked(), out=tmp_path / "run")
    gossim.run(asked(), out=tmp_path / "whole")
    assert table_bytes(tmp_path / "run") == table_bytes(tmp_path / "whole")


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "unfinished", "x")
    saved = Checkpoints(parts, 0, "push", 0, 1.0)
    with parts.written(saved.path) as archive:
        archive.writestr("about.json", json.dumps({"identity": "x", "windows": 1, "digest": "1", "rows": [0]}))
        with archive.open("values.npy", "w") as file:
            np.lib.format.write_array(file, np.array([{}], dtype=object), allow_pickle=True)
    assert saved.load() is None


def test_where_saving_takes_long_it_is_done_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def slow(*_: Any) -> Any:
        nonlocal now
        now += 3.0
        raise OSError  # a full disk ends no run

    monkeypatch.setattr("gossim.runner.checkpoint.SHARE", 0.02)
    monkeypatch.setattr("time.monotonic", lambda: now)
    saved = Checkpoints(Parts(tmp_path, "x"), 0, "push", 0, 60.0)
    monkeypatch.setattr(Parts, "written", slow)
    due, nothing = [], Checkpoint(0, 0, [], np.zeros((0, 1)), RecordedTables((), {}), 0.0)
    for now in range(0, 500):
        if saved.is_due():
            due.append(now)
            saved.save(nothing)
    assert due == [60, 213, 366]


def test_how_often_must_be_a_time(tmp_path: Path) -> None:
    for wrong in (-1.0, float("nan")):
        with pytest.raises(InputError, match="checkpoint_every_s = .*: must be a number of seconds >= 0"):
            gossim.run(asked(), out=tmp_path, checkpoint_every_s=wrong)
