"""Sweeps and runs on a Ray cluster: the same bytes, and what becomes of lost tasks and nodes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import gossim
from gossim.errors import InputError, RunError
from gossim.runner import ray_cluster
from gossim.runner.elsewhere import Home
from gossim.runner.experiment import Experiment
from gossim.runner.identity import Identity
from gossim.scenario.sweep import Sweep
from gossim.tables.run_directory import RunDirectory
from support.commands import ENVIRONMENT, GOSSIM, ROOT, gossim_command
from support.interrupted import Stopped, table_bytes
from support.processes import ran, started
from support.scenarios import BASE, scenario
from support.sweeps import SWEPT, Watched

ARMS = {name: {"algorithm": {"name": name}} for name in ("allreduce", "dpsgd")}


class Here:
    """Elsewhere is this process."""

    slots = 1

    def __init__(self, lost: bool = False):
        self.lost = lost

    def ended(self, work: Any, given: Mapping[Any, Any], on_gpu: bool) -> Generator[dict[Any, Any], None, None]:
        for number, (name, each) in enumerate(given.items()):
            if self.lost and number == 1:
                raise RunError("lost")
            yield {}
            yield {name: work(each)}


@pytest.fixture
def own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process elsewhere takes over is put back."""
    monkeypatch.chdir(os.getcwd())
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))


@pytest.mark.usefixtures("own_place")
def test_what_comes_back_from_elsewhere_is_what_is_written_here(tmp_path: Path) -> None:
    described = scenario(arms=ARMS)
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    alone = Experiment(described).run(one)
    with pytest.raises(RunError, match="lost"):
        Experiment(described).run(two, elsewhere=Here(lost=True))
    watched = Stopped(10)
    Experiment(described).run(two, watched, go_on=True, elsewhere=Here())
    assert (watched.before, watched.ended) == ([("allreduce", 0)], 1)
    assert table_bytes(one.path) == table_bytes(two.path)
    assert not (two.path / "unfinished").exists()
    assert Experiment(described).run(elsewhere=Here()).probes.equals(alone.probes)


@pytest.mark.usefixtures("own_place")
def test_points_come_back_with_all_their_files(tmp_path: Path) -> None:
    two = {**SWEPT, "repeats": 1, "sweep": {"workers": [2, 4]}}
    gossim.sweep(Sweep.parse(two), out=tmp_path / "one", jobs=1, part=(1, 1))
    with pytest.raises(RunError, match="lost"):
        gossim.sweep(Sweep.parse(two), out=tmp_path / "two", cluster=Here(lost=True), part=(1, 1))
    watched = Watched()
    gossim.sweep(Sweep.parse(two), out=tmp_path / "two", cluster=Here(), progress=watched, part=(1, 1))
    assert (watched.begun, len(watched.points)) == ((2, 1), 1)
    for file in (tmp_path / "one").rglob("*"):
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        if file.suffix in (".parquet", ".yaml"):
            assert file.read_bytes() == other.read_bytes(), file
        assert other.exists() or file.name == "figures"


@pytest.mark.usefixtures("own_place")
def test_a_machine_with_another_version_or_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = scenario()

    def other(identity: Identity, device: str) -> Home:
        return Home(identity._replace(versions={**identity.versions, "numpy": "0.1"}), "cuda", os.getcwd(), [], [])

    monkeypatch.setattr(Home, "of", other)
    wrong = (
        r"differs from the machine of the command: version of numpy was '0\.1' and is .*; device was cuda and is cpu"
    )
    with pytest.raises(InputError, match=rf"arm 'arm', seed 0: .* {wrong}"):
        gossim.run(described, cluster=Here())
    two = Sweep.parse({**SWEPT, "sweep": {"workers": [2]}})
    results = gossim.sweep(two, out=tmp_path, cluster=Here(), part=(1, 1))
    (error,) = results.errors.values()
    assert re.search(wrong, error)
    assert set(results.table["status"]) == {"failed"}
    monkeypatch.undo()
    assert not gossim.sweep(two, out=tmp_path, jobs=1, part=(1, 1)).errors  # what was refused is run again


@pytest.mark.parametrize(("options", "told"), [
    (["--cluster", "auto"], "cluster = auto: needs the package 'ray', which `pip install gossim[ray]` brings"),
    (["--cluster", "nearby"], "cluster = nearby: must be auto, or HOST:PORT of a Ray cluster"),
    (["--cluster", "auto", "--jobs", "2"], "jobs = 2: not with a cluster"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["run", "sweep", "tune"])
def test_what_cannot_be_is_refused_before_anything(
    command: str, options: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "find_spec", lambda _: None)
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SWEPT if command == "sweep" else BASE))
    more = ["--over", "optimizer.learning_rate=0.1"] if command == "tune" else []
    done = gossim_command(command, "s.yaml", *options, *more, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


OWN = """
import os, signal, time
from contextlib import suppress
from pathlib import Path
from torch import nn

def net():
    with suppress(FileNotFoundError):  # one process alone gets it
        if "DRIVER" not in os.environ:
            what = Path("what").rename(f"taken-{os.getpid()}").read_text()
            if what == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            import ray
            Path("node").write_text(ray.get_runtime_context().get_node_id())
            Path("process").write_text(str(os.getpid()))
            time.sleep(300)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""


class Nodes:
    """A cluster of two nodes of one core."""

    def __init__(self, process: subprocess.Popen[str]):
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout
        self.address = self.stdout.readline().strip()
        assert self.address, process.communicate()[1]

    def lose(self, node: str) -> None:
        self.stdin.write(f"{node}\n")
        self.stdin.flush()
        assert self.stdout.readline() == "lost\n"


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    pytest.importorskip("ray")
    script = ROOT / "tests" / "support" / "ray_nodes.py"
    with started([sys.executable, script], stdin=subprocess.PIPE) as process:
        try:
            yield Nodes(process)
        finally:
            process.communicate(timeout=60)  # ends its input, and so the cluster


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario with a network of the user's own, and what one process of one machine makes of it."""
    (tmp_path / "own.py").write_text(OWN)
    problem = {"model": {"name": "own:net"}, "data": {"name": "digits"}, "batch_size": 8}
    data = {**BASE, "problem": problem, "workers": 2, "until": {"gradient_steps": 20}, "arms": ARMS, "repeats": 2}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(data))
    one = gossim_command("run", "s.yaml", "--out", "one", "--jobs", "1", "--quiet", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    return tmp_path


DRIVER = {**ENVIRONMENT, "DRIVER": "1"}


def appeared(path: Path, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    return path.read_text()


@pytest.mark.slow
def test_a_killed_task_is_run_again_and_the_bytes_are_the_same(nodes: Nodes, folder: Path) -> None:
    (folder / "what").write_text("die")
    done = ran([*GOSSIM, "run", "s.yaml", "--out", "two", "--cluster", nodes.address], folder, DRIVER)
    assert done.returncode == 0, done.stderr
    assert not (folder / "what").exists()  # somebody has died of it
    assert table_bytes(folder / "one") == table_bytes(folder / "two")


@pytest.mark.slow
def test_a_sweep_on_a_cluster_is_that_of_one_machine(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SWEPT))
    gossim.sweep(tmp_path / "s.yaml", out=tmp_path / "one", jobs=1)
    command = [*GOSSIM, "sweep", "s.yaml", "--out", "two", "--cluster", nodes.address, "--quiet"]
    done = ran(command, tmp_path)
    assert done.returncode == 0, done.stderr
    files = [file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*.parquet")]
    assert len(files) > 20
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    refused = ran([*GOSSIM, "sweep", "s.yaml", "--set", "device=cuda", "--force", *command[5:]], tmp_path)
    assert refused.returncode == 2
    assert "device = cuda: the cluster has no GPU" in refused.stderr


@pytest.mark.slow
def test_what_a_lost_node_was_at_is_run_on_another(nodes: Nodes, folder: Path) -> None:
    (folder / "what").write_text("wait")
    with started([*GOSSIM, "run", "s.yaml", "--out", "two", "--cluster", nodes.address], folder, DRIVER) as process:
        nodes.lose(appeared(folder / "node", process))
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert table_bytes(folder / "one") == table_bytes(folder / "two")


@pytest.mark.slow
def test_ctrl_c_ends_the_tasks_and_the_run_goes_on_without_a_cluster(nodes: Nodes, folder: Path) -> None:
    (folder / "what").write_text("wait")
    command = [*GOSSIM, "run", "s.yaml", "--out", "two"]
    with started([*command, "--cluster", nodes.address], folder, DRIVER) as process:
        task = int(appeared(folder / "process", process))
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "the same command goes on from there" in " ".join(errors.split())
    assert "Traceback" not in errors
    deadline = time.monotonic() + 60
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(task, 0)
            time.sleep(0.1)
    done = gossim_command(*command[len(GOSSIM) :], "--jobs", "1", "--quiet", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert table_bytes(folder / "one") == table_bytes(folder / "two")


@pytest.mark.slow
def test_an_address_where_nothing_answers_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(BASE))
    done = gossim_command("run", "s.yaml", "--cluster", "127.0.0.1:1", cwd=tmp_path)
    assert (done.returncode, "cluster = 127.0.0.1:1: cannot be joined: Conn" in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]
