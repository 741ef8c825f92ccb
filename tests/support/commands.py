"""The command line, run by tests."""

from __future__ import annotations

import importlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from gossim.cli.main import app, main
from gossim.errors import InputError
from gossim.files.atomic import ENDING

ROOT = Path(__file__).parents[2]


GOSSIM = [sys.executable, "-m", "gossim"]


TERMINAL = {"COLUMNS": "80", "NO_COLOR": "1"}
ENVIRONMENT = {**os.environ, **TERMINAL}


def gossim_command(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """What `gossim` in `cwd` prints on each stream, and its status. It runs in this process, which stays as it was.

    In one of its own, started with `support.processes.ran`, it takes seconds.
    """
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
    handlers = {number: signal.getsignal(number) for number in ENDING}
    kept = _forget(cwd)
    status: str | int | None = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        for name, value in TERMINAL.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["gossim", *map(str, arguments)])
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        importlib.invalidate_caches()
        try:
            main()
        except SystemExit as end:
            status = end.code
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            _forget(cwd)
            sys.modules.update(kept)
    out, errors = (stream.buffer.getvalue().decode() for stream in streams)
    return subprocess.CompletedProcess(["gossim", *map(str, arguments)], int(status or 0), out, errors)


def _forget(folder: Path) -> dict[str, ModuleType]:
    """Take the modules that lie in `folder` out of those that are imported, as a process begins without them."""
    if folder == ROOT:
        return {}
    inside = str(folder.resolve()) + os.sep
    found = {
        name: module for name, module in sys.modules.items() if str(getattr(module, "__file__", "")).startswith(inside)
    }
    for name in found:
        del sys.modules[name]
    return found


def command(*arguments: object) -> tuple[int, str]:
    """The status with which `gossim` ends, and what it prints or is wrong."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(done.exception, InputError):
        return 2, str(done.exception)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output
