"""Processes that tests start. None outlives its test, and Ctrl-C means to each what it means to one in a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from support.commands import ENVIRONMENT, ROOT

LONGEST_S = 300.0


@contextmanager
def usual_signals() -> Iterator[None]:
    """A process started in here has the default for each signal, though this one ignore them, as under nohup or `&`.

    What is ignored stays ignored in a child; what is handled becomes the default there.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        for number in before:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def started(
    command: Sequence[str | Path], cwd: Path = ROOT, env: Mapping[str, str] = ENVIRONMENT, stdin: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process that leads a group of its own, with pipes for what it prints. The whole group is killed at the end."""
    with usual_signals():
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            text=True,
            start_new_session=True,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def ran(
    command: Sequence[str | Path], cwd: Path = ROOT, env: Mapping[str, str] = ENVIRONMENT
) -> subprocess.CompletedProcess[str]:
    """A process, run to its end."""
    with started(command, cwd, env) as process:
        out, errors = process.communicate(timeout=LONGEST_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)
