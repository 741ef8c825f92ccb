"""Runs and sweeps that are killed and go on: whether they end in the tables of one that nobody killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gossim.errors import InputError
from gossim.results import Results
from support.commands import GOSSIM, ROOT
from support.interrupted import table_bytes
from support.processes import ran, started

SCENARIO: dict[str, Any] = {
    "title": "killed",
    "repeats": 2,
    "workers": 4,
    "until": {"gradient_steps": 12_000},
    "problem": {"model": {"name": "quadratic", "dim": 200, "gradient_noise": 0.3}},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "compute": {"time_s": {"distribution": "lognorm", "s": 0.4, "scale": 0.1}},
    "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e6, "sharing": "fair"},
    "probe": {"every_s": 1.0},
    "device": "cpu",
    "arms": {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.1}},
        "together": {"algorithm": {"name": "allreduce"}},
    },
}
SWEPT = {"optimizer.learning_rate": [0.001, 0.002, 0.004]}

KILLED = [sys.executable, str(ROOT / "tests" / "support" / "killed.py")]
"""`gossim` that kills itself."""


class Kill(NamedTuple):
    """What is killed, and when.

    `where`: `moment` (`at` is a share of the time that the command takes), `start` or `end` (of its first or last
    second), `rename` or `checkpoint` (`at`: of which). `group`: whether all its processes are killed, or the first.
    """

    command: str
    jobs: int
    where: str
    at: float
    group: bool


class Field:
    """A folder with a scenario, a sweep, and what both come to when nobody kills them."""

    def __init__(self, folder: Path, steps: int = 12_000):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        data = {**SCENARIO, "until": {"gradient_steps": steps}}
        (folder / "run.yaml").write_text(yaml.safe_dump(data))
        (folder / "sweep.yaml").write_text(yaml.safe_dump({**data, "repeats": 1, "sweep": SWEPT}))
        self.whole: dict[str, dict[str, bytes]] = {}
        self.took_s: dict[tuple[str, int], float] = {}

    def arguments(self, command: str, jobs: int, out: Path) -> list[str]:
        own = ["--checkpoint-every", "0"] if command == "run" else []
        return [command, f"{command}.yaml", "--out", str(out), "--jobs", str(jobs), "--quiet", *own]

    def expected(self, command: str, jobs: int) -> dict[str, bytes]:
        """The tables of an uninterrupted one; how long it took is measured."""
        if (command, jobs) not in self.took_s:
            out = self.folder / f"whole-{command}-{jobs}"
            begun_s = time.monotonic()
            self._finish(command, jobs, out)
            self.took_s[command, jobs] = time.monotonic() - begun_s
            found = tables(command, out)
            assert self.whole.setdefault(command, found) == found, "the number of jobs decides a number"
        return self.whole[command]

    def check(self, kill: Kill, number: int) -> bool:
        """Kill, and go on. Returns whether it was killed before it had ended; AssertionError if anything is wrong."""
        expected, out = self.expected(kill.command, kill.jobs), self.folder / f"killed-{number}"
        killed = self._kill(kill, out)
        readable(kill.command, out)
        self._finish(kill.command, kill.jobs, out)
        found = tables(kill.command, out)
        assert found.keys() == expected.keys(), f"{kill}: other tables"
        different = [name for name in found if found[name] != expected[name]]
        assert not different, f"{kill}: {different} differ"
        assert not list(out.rglob("unfinished")), f"{kill}: something is left"
        return killed

    def _kill(self, kill: Kill, out: Path) -> bool:
        arguments = self.arguments(kill.command, kill.jobs, out)
        itself = kill.where in ("rename", "checkpoint")
        command = [*KILLED, kill.where, str(int(kill.at)), *arguments] if itself else [*GOSSIM, *arguments]
        took_s = self.took_s[kill.command, kill.jobs]
        after_s = {"moment": kill.at * took_s, "start": kill.at, "end": took_s - kill.at}.get(kill.where, 300.0)
        with started(command, self.folder) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(after_s, 0.0))
            if process.poll() is None:
                (os.killpg if kill.group else os.kill)(process.pid, signal.SIGKILL)
            process.wait()
        return process.returncode == -signal.SIGKILL

    def _finish(self, command: str, jobs: int, out: Path) -> None:
        deadline = time.monotonic() + 60
        while True:
            done = ran([*GOSSIM, *self.arguments(command, jobs, out)], self.folder)
            # Processes whose first one is killed end by themselves, a moment later.
            if done.returncode != 2 or "another gossim" not in done.stderr or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


def readable(command: str, out: Path) -> None:
    """Whatever a kill leaves can be read, unless nothing is there yet."""
    for run in [out] if command == "run" else out.glob("points/*"):
        if not (run / "manifest.json").exists():
            continue
        try:
            Results.open(run)
        except InputError as error:
            assert "was stopped before it recorded anything" in str(error), error


def tables(command: str, out: Path) -> dict[str, bytes]:
    """The tables of a run, or those of a sweep with its points'."""
    if command == "run":
        return table_bytes(out)
    points = {f"{run.name}/{name}": table for run in out.glob("points/*") for name, table in table_bytes(run).items()}
    return {**points, "sweep": (out / "sweep.parquet").read_bytes()}


def drawn(random_: random.Random) -> Kill:
    """Some kill or other."""
    where = random_.choice(["moment", "moment", "start", "end", "rename", "checkpoint"])
    command = "run" if where == "checkpoint" else random_.choice(["run", "sweep"])
    jobs = 1 if where == "checkpoint" else random_.choice([1, 2])  # other processes are killed at a moment
    at = {"rename": random_.randrange(60), "checkpoint": random_.randrange(12)}.get(where, random_.random())
    return Kill(command, jobs, where, at, random_.random() < 0.5)
