"""Going on with a sweep: what is run again, who may write, and what is left when the sweep is killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import gossim
from gossim.errors import InputError, RunError
from gossim.runner import manifest as provenance
from gossim.runner import sweep_points as processes
from gossim.runner.experiment import Experiment
from gossim.runner.sweep_directory import SweepDirectory
from gossim.runner.sweep_points import PointTask
from gossim.scenario.sweep import Sweep
from gossim.tables.run_directory import RunDirectory
from support.commands import ENVIRONMENT, GOSSIM, gossim_command
from support.files import written
from support.processes import ran, started
from support.scenarios import BASE, scenario
from support.sweeps import Watched

RATE = "optimizer.learning_rate"
QUICK: dict[str, Any] = {**BASE, "until": {"time_s": 0.2}}


def run_again(over: dict[str, Any], sections: dict[str, Any] | None = None, **options: Any) -> tuple[int, pd.DataFrame]:
    """How many points of the sweep in `out` were run, and the table."""
    watched = Watched()
    described = scenario(**{**QUICK, **(sections or {})})
    table = gossim.sweep(described, over, out="out", jobs=1, progress=watched, **options).table
    return len(watched.points), table


def test_a_file_that_has_changed_is_run_again(folder: Path) -> None:
    sections = {"workers": 2, "network": {"latency_s": {"matrix": "latency.csv"}, "bandwidth_bytes_per_s": None}}
    sections["arms"] = {"arm": {"algorithm": {"name": "allreduce"}}}
    over = {RATE: [0.1, 0.2]}
    written(folder, {"latency.csv": "0,0.001\n0.001,0\n"})
    count, before = run_again(over, sections)
    assert count == 2
    assert run_again(over, sections)[0] == 0
    written(folder, {"latency.csv": "0,0.05\n0.05,0\n"})
    count, after = run_again(over, sections)
    assert count == 2
    assert (after["gradient_steps"] < before["gradient_steps"]).all()


def test_a_module_and_a_version_that_have_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from gossim.algorithms.gosgd_push import GoSGDPush\nclass Mine(GoSGDPush):\n    pass\n"
    written(folder, {"mine_again.py": source})
    sections = {"arms": {"arm": {"algorithm": {"name": "mine_again:Mine", "push_probability": 0.5}}}}
    over = {RATE: [0.1]}
    assert [run_again(over, sections)[0] for _ in range(2)] == [1, 0]
    written(folder, {"mine_again.py": source + "# another\n"})
    assert [run_again(over, sections)[0] for _ in range(2)] == [1, 0]
    monkeypatch.setattr(provenance, "_versions", lambda: {"torch": "0.1"})
    assert run_again(over, sections)[0] == 1


def test_force_runs_all_anew(folder: Path) -> None:
    over = {RATE: [0.1, 0.2]}
    counts = [run_again(over, force=force)[0] for force in (False, False, True)]
    assert counts == [2, 0, 2]


def test_what_an_earlier_run_left_is_not_taken_for_the_present_one(folder: Path) -> None:
    """A point that ran well, and cannot begin now: its old numbers must not stand in the table."""
    source = "from torch import nn\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    written(folder, {"net_again.py": source})
    problem = {"model": {"name": "net_again:net"}, "data": {"name": "digits"}, "batch_size": 4}
    assert list(run_again({RATE: [0.1]}, {"problem": problem})[1]["status"]) == ["complete"]
    del sys.modules["net_again"]
    written(folder, {"net_again.py": "def other(): pass\n"})
    table = run_again({RATE: [0.1]}, {"problem": problem})[1]
    assert list(table["status"]) == ["failed"]
    assert table["test_loss"].isna().all()


def test_one_sweep_in_a_directory_at_a_time(tmp_path: Path) -> None:
    described = Sweep.parse({**QUICK, "sweep": {RATE: [0.1]}})
    with (
        SweepDirectory(tmp_path).begin(described),
        pytest.raises(InputError, match="a sweep is under way here; wait for its end or choose another"),
    ):
        gossim.sweep(described, out=tmp_path, jobs=1)
    assert len(gossim.sweep(described, out=tmp_path, jobs=1).table) == 1


def test_a_run_that_has_not_ended_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody begins a point again in the instant in which it has ended."""
    real = processes.run_point

    def racing(task: PointTask) -> str | None:
        error = real(task)
        other = Experiment(gossim.Scenario.parse(task.data))
        tables = {name: [frame] for name, frame in other.recording.tables().items()}
        RunDirectory(Path(task.directory)).begin(other.scenario, other.manifest, tables)
        return error

    monkeypatch.setattr(processes, "run_point", racing)
    with pytest.raises(RunError, match="is 'running' after its end"):
        gossim.sweep(Sweep.parse({**QUICK, "sweep": {RATE: [0.1, 0.2]}}), out=tmp_path, jobs=1)


def alive(group: int) -> bool:
    """Whether any process of the group is left that is not dead."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        state, _, its_group = rest.split()[:3]
        if int(its_group) == group and state != "Z":
            return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes are left")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130)])
def test_nobody_goes_on_when_the_sweep_is_killed(number: int, status: int, tmp_path: Path) -> None:
    """The signal reaches the one process alone, as from `kill`."""
    path = tmp_path / "long.yaml"
    path.write_text(yaml.safe_dump({**BASE, "sweep": {"until": [{"time_s": 1e6}, {"time_s": 2e6}]}}))
    deadline = time.monotonic() + 120
    with started([*GOSSIM, "sweep", path, "--out", "out", "--jobs", "2"], cwd=tmp_path) as process:
        while len(list(tmp_path.glob("out/points/*/manifest.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert process.poll() is None
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=60)
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(process.pid)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    if number == signal.SIGTERM:
        assert "interrupted; the same command goes on" in errors


@pytest.mark.slow
def test_the_same_numbers_in_one_process_as_in_many(tmp_path: Path) -> None:
    """With as many threads as the machine has; a convolution's sums are shared out among them."""
    (tmp_path / "wide.py").write_text(
        "from torch import nn\ndef conv():\n    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),"
        " nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))\n"
    )
    problem = {"model": {"name": "wide:conv"}, "data": {"name": "digits"}, "batch_size": 64}
    data = {
        **BASE, "workers": 3, "problem": problem, "dtype": "float32", "until": {"gradient_steps": 12},
        "probe": {"every_s": 10}, "sweep": {RATE: [0.1, 0.2]},
    }  # fmt: skip
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(data))
    environment = {key: value for key, value in ENVIRONMENT.items() if not key.endswith("_NUM_THREADS")}
    for jobs in ("1", "2"):
        command = [*GOSSIM, "sweep", path, "--out", jobs, "--jobs", jobs, "--quiet"]
        done = ran(command, tmp_path, {**environment, "OMP_NUM_THREADS": "2"})
        assert done.returncode == 0, done.stderr
    one, many = (pd.read_parquet(tmp_path / jobs / "sweep.parquet") for jobs in ("1", "2"))
    pd.testing.assert_frame_equal(one, many, check_exact=True)


def test_the_name_of_a_point_is_made_once() -> None:
    """Every time the table is written it is asked for twice, and making it is what costs."""
    described = Sweep.parse({**QUICK, "sweep": {RATE: [0.1, 0.2]}})
    assert described.points[0].name is described.points[0].name


@pytest.mark.draws
def test_old_figures_go(folder: Path) -> None:
    run_again({RATE: [0.1, 0.2]})
    assert list(Path("out", "figures").glob("*.*"))
    data = {**QUICK, "sweep": {"topology": ["ring", "complete"]}}
    gossim.sweep(Sweep.parse(data), out="out", jobs=1)
    assert not list(Path("out", "figures").glob("*.*"))
    (folder / "s.yaml").write_text(yaml.safe_dump(data))
    done = gossim_command("sweep", "s.yaml", "--out", "out", "--jobs", "1", "--force", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 rows in out/sweep.parquet\n"
    assert "were done before" not in done.stderr
    assert "2 of 2: topology = complete" in done.stderr
