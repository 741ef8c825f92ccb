"""Arms and seeds side by side in processes: the same bytes, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import gossim
from gossim.errors import InputError
from gossim.estimates import limits
from gossim.results import Results
from gossim.runner import cores as counting
from gossim.runner.cores import cores, default_jobs
from gossim.tables.columns import TABLES
from support.commands import ENVIRONMENT, GOSSIM
from support.interrupted import NEVER, Stopped, table_bytes
from support.processes import ran, started
from support.scenarios import BASE, scenario

ARMS = {name: {"algorithm": {"name": name}} for name in ("allreduce", "dpsgd")}
WIDE = (
    "from torch import nn\ndef conv():\n    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),"
    " nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))\n"
)


def long(folder: Path, **sections: Any) -> Path:
    """A scenario whose first arms are soon done, and whose last one never is."""
    path = folder / "long.yaml"
    endless = {"algorithm": {"name": "dpsgd"}, "until": {"time_s": 1e6}, "probe": {"every_s": 100.0}}
    arms = {**ARMS, "endless": endless}
    path.write_text(yaml.safe_dump({**BASE, "arms": arms, "until": {"time_s": 1.0}, **sections}))
    return path


@pytest.mark.slow
def test_the_same_bytes_with_any_number_of_jobs_and_threads(tmp_path: Path) -> None:
    """A convolution's sums are shared out among threads; those of a worker that is alone must not be."""
    (tmp_path / "wide.py").write_text(WIDE)
    problem = {"model": {"name": "wide:conv"}, "data": {"name": "digits"}, "batch_size": 64}
    arms = {"several": {"algorithm": {"name": "dpsgd"}}, "alone": {"algorithm": {"name": "sgd"}, "workers": 1}}
    data = {**BASE, "workers": 3, "problem": problem, "dtype": "float32", "until": {"gradient_steps": 12},
            "repeats": 2, "arms": arms, "probe": {"every_s": 0.2}}  # fmt: skip
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(data))
    environment = {key: value for key, value in ENVIRONMENT.items() if not key.endswith("_NUM_THREADS")}
    for jobs, threads in (("1", "2"), ("1", "1"), ("3", "2")):
        command = [*GOSSIM, "run", "s.yaml", "--out", jobs + threads, "--jobs", jobs, "--quiet"]
        done = ran(command, tmp_path, {**environment, "OMP_NUM_THREADS": threads})
        assert done.returncode == 0, done.stderr
    assert table_bytes(tmp_path / "12") == table_bytes(tmp_path / "11") == table_bytes(tmp_path / "32")


@pytest.mark.slow
def test_in_python_with_and_without_a_directory(tmp_path: Path) -> None:
    described = scenario(arms=ARMS, repeats=2)
    one = gossim.run(described, out=tmp_path / "one")
    watched = Stopped(NEVER)
    two = gossim.run(described, jobs=2, progress=watched)
    assert watched.ended == 4
    for name in TABLES:
        assert getattr(one, name).equals(getattr(two, name))
    with pytest.raises(KeyboardInterrupt):
        gossim.run(described, out=tmp_path / "two", progress=Stopped(1))
    gossim.run(described, out=tmp_path / "two", jobs=2)
    assert table_bytes(tmp_path / "one") == table_bytes(tmp_path / "two")


def test_a_number_of_jobs_that_cannot_be_is_refused() -> None:
    for wrong in (0, 1.5, True):
        with pytest.raises(InputError, match=f"jobs = {wrong}: must be a whole number >= 1"):
            gossim.run(scenario(), jobs=wrong)


def begun(process: subprocess.Popen[str], out: Path, parts: int) -> None:
    """Wait until that many arms have ended."""
    deadline = time.monotonic() + 120
    while len(list(out.glob("unfinished/[0-9]*.part"))) < parts and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes of its group that run arms: those forked from the one that loads packages."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent, group = (int(path.read_text().rpartition(")")[2].split()[at]) for at in (1, 1, 2))
            pid = int(path.parent.name)
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if group == process.pid and parent != process.pid and b"forkserver" in command:
            found.append(pid)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes there are")
@pytest.mark.parametrize(("whom", "number", "status"), [
    ("all", signal.SIGINT, 130), ("first", signal.SIGTERM, 130), ("child", signal.SIGKILL, 1),
    ("first", signal.SIGKILL, -9),
])  # fmt: skip
def test_however_it_ends_what_has_ended_is_kept(whom: str, number: int, status: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*GOSSIM, "run", str(long(tmp_path)), "--out", str(out), "--jobs", "2"]
    with started(command, cwd=tmp_path) as process:
        begun(process, out, 2)
        if whom == "all":
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid if whom == "first" else children(process)[0], number)
        _, errors = process.communicate(timeout=120)
        deadline = time.monotonic() + 20
        while children(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not children(process)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    found = Results.open(out)
    expected = {130: "interrupted", 1: "failed", -9: "running"}[status]
    assert found.manifest["status"] == expected
    assert {entry["arm"] for entry in found.manifest["runs"] if entry["status"] == "complete"} <= set(ARMS)
    if whom == "child":
        assert "a process died" in errors
    again = Stopped(0)
    with pytest.raises(KeyboardInterrupt):
        gossim.run(str(long(tmp_path)), out=out, progress=again)
    assert sorted(again.before) == [("allreduce", 0), ("dpsgd", 0)]
    assert again.began == [("endless", 0)]


def test_cores_by_affinity_and_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16), raising=False)
    monkeypatch.setattr(counting, "CGROUP", tmp_path)
    monkeypatch.setattr(counting, "OWN_CGROUP", tmp_path / "own")
    assert cores() == 16
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores() == 16
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/a/b\n")
    (tmp_path / "a" / "cpu.max").write_text("350000 100000\n")
    assert cores() == 3
    (tmp_path / "a" / "b" / "cpu.max").write_text("50000 100000\n")
    assert cores() == 1
    (tmp_path / "own").write_text("4:cpu:/x\n")  # the first version of control groups
    (tmp_path / "cpu").mkdir()
    for name, value in (("quota", -1), ("period", 100000)):
        (tmp_path / "cpu" / f"cpu.cfs_{name}_us").write_text(f"{value}\n")
    assert cores() == 16
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("200000\n")
    assert cores() == 2


def test_short_runs_and_launched_ones_have_one_job_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "cores", lambda: 4)
    for name in counting.LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    long_run = scenario(arms=ARMS, repeats=5, until={"time_s": 1e5})
    assert default_jobs(long_run, True, "cpu") == 4
    assert default_jobs(scenario(arms=ARMS, until={"time_s": 1e5}), True, "cpu") == 2
    assert default_jobs(scenario(arms=ARMS, repeats=5), True, "cpu") == 1  # soon done
    assert default_jobs(long_run, True, "cuda") == 1
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert default_jobs(long_run, True, "cpu") == 1


def test_no_more_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = {**ARMS, "large": {"algorithm": {"name": "dpsgd"}, "workers": 200_000}}
    described = scenario(arms=arms, repeats=2, topology="ring")
    small, large = (limits.cost(described.arms[name]).memory.total for name in ("dpsgd", "large"))
    for has, jobs in ((2 * large + 4 * small + 1, 6), (2 * large + small + 1, 3), (1.5 * large, 1), (1, 1)):
        monkeypatch.setattr(limits, "machine_bytes", lambda has=has: has)
        assert limits.affordable_jobs(described, True, 6) == jobs
