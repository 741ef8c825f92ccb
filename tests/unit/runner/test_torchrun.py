"""One command in several processes of torchrun: the same bytes, and what ends with whom."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch.distributed as dist
import yaml

import gossim
from gossim.errors import RunError
from gossim.estimates import limits
from gossim.runner.ranks import Ranks
from support.commands import gossim_command
from support.interrupted import table_bytes
from support.processes import ran, started
from support.scenarios import BASE
from support.sweeps import SWEPT

ARMS = {name: {"algorithm": {"name": name}} for name in ("allreduce", "dpsgd")}
RUNNING = {**BASE, "arms": ARMS, "repeats": 2}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "gossim"]
UNDER = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}


def doubled(number: int) -> int:
    time.sleep(0.01)
    return 2 * number


@pytest.fixture
def ranks() -> list[Ranks]:
    """Three processes, that are threads here, on one store."""
    host = dist.TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=30), wait_for_workers=False)
    stores = [host] + [dist.TCPStore("127.0.0.1", host.port, timeout=timedelta(seconds=30)) for _ in range(2)]
    return [Ranks(store, rank, 3) for rank, store in enumerate(stores)]


def test_every_item_is_done_once_by_somebody_and_comes_to_rank_0(ranks: list[Ranks]) -> None:
    others = [Thread(target=each.follow) for each in ranks[1:]]
    for each in others:
        each.start()
    for count in (20, 0, 1):  # batch after batch
        came = [
            item for over in ranks[0].ended(doubled, {str(n): n for n in range(count)}, False) for item in over.items()
        ]
        assert sorted(came) == sorted((str(n), 2 * n) for n in range(count))
    left = ranks[0].ended(doubled, {n: n for n in range(1000)}, False)
    assert len(next(left)) < 10
    left.close()  # nobody goes on
    ranks[0].end()
    for each in others:
        each.join(timeout=10)
        assert not each.is_alive()


def test_that_the_others_are_gone_is_said_in_words(ranks: list[Ranks], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> bool:
        raise dist.DistNetworkError("Connection reset by peer")

    class Gone:
        add = check = set = gone

    with pytest.raises(RunError, match=r"torchrun's other processes are gone: .*reset.* the same command goes on"):
        next(Ranks(Gone(), 0, 2).ended(doubled, {1: 1}, False))  # type: ignore[arg-type]
    with pytest.raises(RunError, match="torchrun's other processes are gone"):
        Ranks(Gone(), 1, 2).follow()  # type: ignore[arg-type]


def under(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    for name, value in {**UNDER, **more}.items():
        monkeypatch.setenv(name, value)


def test_other_commands_and_options_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(RUNNING))
    under(monkeypatch)
    done = gossim_command("validate", "s.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: gossim validate works by itself; call it without torchrun\n")
    monkeypatch.setattr(Ranks, "of_torchrun", lambda: Ranks(dist.HashStore(), 0, 2))
    done = gossim_command("run", "s.yaml", "--jobs", "2", cwd=tmp_path)
    assert (done.returncode, "jobs = 2: not with torchrun" in done.stderr) == (2, True), done.stderr
    monkeypatch.setattr(limits, "machine_bytes", lambda: 2e6)
    done = gossim_command("run", "s.yaml", cwd=tmp_path)
    assert (done.returncode, "torchrun --nproc-per-node 2: there is memory for 1" in done.stderr) == (2, True)
    under(monkeypatch, RANK="1")
    done = gossim_command("validate", "s.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")  # once is enough
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_one_process_of_torchrun_is_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(RUNNING))
    under(monkeypatch, WORLD_SIZE="1", LOCAL_WORLD_SIZE="1")
    assert "valid" in gossim_command("validate", "s.yaml", cwd=tmp_path).stdout


@pytest.mark.slow
def test_two_processes_write_the_bytes_of_one(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(RUNNING))
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEPT))
    assert gossim_command("run", "s.yaml", "--out", "one", "--quiet", "--jobs", "1", cwd=tmp_path).returncode == 0
    done = ran([*TORCHRUN, "run", "s.yaml", "--out", "two"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("figures in two/figures") == 1  # rank 0 alone speaks
    assert table_bytes(tmp_path / "one") == table_bytes(tmp_path / "two")
    again = ran([*TORCHRUN, "run", "s.yaml", "--out", "two"], tmp_path)
    assert (again.returncode, "holds this very run" in again.stderr) == (0, True), again.stderr
    gossim.sweep(tmp_path / "sweep.yaml", out=tmp_path / "swept", jobs=1)
    done = ran([*TORCHRUN, "sweep", "sweep.yaml", "--out", "together", "--quiet"], tmp_path)
    assert done.returncode == 0, done.stderr
    for file in (tmp_path / "swept").rglob("*.parquet"):
        assert file.read_bytes() == (tmp_path / "together" / file.relative_to(tmp_path / "swept")).read_bytes(), file


OWN = """
import os, time
from contextlib import suppress
from pathlib import Path
from torch import nn

def net():
    with suppress(FileNotFoundError):  # one process alone gets it, and not while all is checked at first
        if os.environ.get("RANK") == "1":
            Path("wait").rename("waiting")
            Path("draft").write_text(str(os.getpid()))
            Path("draft").rename("process")
            time.sleep(300)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["rank", "torchrun"])
def test_what_has_ended_is_kept_when_a_process_is_lost(whom: str, tmp_path: Path) -> None:
    """A rank that dies, and Ctrl-C at torchrun. The run goes on without torchrun."""
    (tmp_path / "own.py").write_text(OWN)
    problem = {"model": {"name": "own:net"}, "data": {"name": "digits"}, "batch_size": 8}
    data = {**RUNNING, "problem": problem, "workers": 2, "until": {"gradient_steps": 20}}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(data))
    command = ["run", "s.yaml", "--out", "two"]
    (tmp_path / "wait").touch()
    with started([*TORCHRUN, *command], tmp_path) as process:
        kept, deadline = tmp_path / "two" / "unfinished", time.monotonic() + 120
        number = tmp_path / "process"  # of the rank that waits: it may be the last to begin
        while not (len(list(kept.glob("[0-9]*.part"))) >= 3 and number.exists()) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
        lost = int(number.read_text())
        if whom == "rank":
            os.kill(lost, signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert process.returncode != 0
        assert "interrupted; what was recorded is in two, and the same command goes on from there" in " ".join(
            errors.split()
        )
        with pytest.raises(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(lost, 0)
                time.sleep(0.1)
    done = gossim_command(*command, "--jobs", "1", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("done before")) == (0, 3), done.stderr
    assert gossim_command(*command[:3], "one", "--jobs", "1", "--quiet", cwd=tmp_path).returncode == 0
    assert table_bytes(tmp_path / "one") == table_bytes(tmp_path / "two")
