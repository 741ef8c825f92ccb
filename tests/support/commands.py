"""The command line, run by tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from gossim.cli.main import app
from gossim.errors import InputError

ROOT = Path(__file__).parents[2]


GOSSIM = [sys.executable, "-m", "gossim"]


ENVIRONMENT = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}


def gossim_command(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [*GOSSIM, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)


def command(*arguments: str | Path) -> tuple[int, str]:
    """The status with which `gossim` ends, and what it prints or is wrong."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(done.exception, InputError):
        return 2, str(done.exception)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output
