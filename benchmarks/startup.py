"""How long `gossim` takes to begin, and a tiny run to end, against Python importing the packages that they need.

The commands take turns, so that whatever else the machine is doing hits all of them; a first round, which writes
Python's caches, is not counted. `python -m benchmarks.startup` times the tiny run.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SCENARIO = Path(__file__).parents[1] / "scenarios" / "straggler.yaml"
REPETITIONS = 9
BASE = "import yaml, pydantic"
COMMANDS = {
    BASE: ["-c", BASE],
    "a pydantic model with one field": ["-c", "from pydantic import BaseModel\nclass Model(BaseModel):\n    a: int"],
    "gossim --help": ["-m", "gossim", "--help"],
    "gossim validate scenarios/straggler.yaml": ["-m", "gossim", "validate", str(SCENARIO)],
}

FLOOR = "import torch, pandas, matplotlib.pyplot, pyarrow.parquet"
TINY = ["--set", "until.time_s=3", "--set", "repeats=1"]
"""Some 470 gradient steps."""


def seconds(arguments: list[str]) -> float:
    """How long a new Python takes for this."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=_environment())
    return time.perf_counter() - began


def startup() -> Table:
    """Medians, and their ratios to the first."""
    rounds = [{what: seconds(arguments) for what, arguments in COMMANDS.items()} for _ in range(REPETITIONS + 1)]
    return _table("what starts", rounds)


def tiny_run(repetitions: int = 3) -> Table:
    """The same of a tiny run, and of the same command again, which prints the stored table."""
    rounds = []
    for _ in range(repetitions + 1):
        with TemporaryDirectory() as folder:
            run = ["-m", "gossim", "run", str(SCENARIO), *TINY, "--out", str(Path(folder, "run")), "--quiet"]
            floor_s = seconds(["-c", FLOOR])
            rounds.append(
                {
                    FLOOR: floor_s,
                    "a tiny run, figures included": seconds(run),
                    "the same command again": seconds(run),
                    "the first word on a terminal": first_word_s(run[:-1]),
                }
            )
    return _table("what runs", rounds)


def first_word_s(arguments: list[str]) -> float:
    """How long it takes until a command has written something to its terminal."""
    terminal, its = pty.openpty()
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=its, stderr=its, env=_environment())
    os.close(its)
    os.read(terminal, 1)
    took_s = time.perf_counter() - began
    process.terminate()
    process.wait()
    os.close(terminal)
    return took_s


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _table(heading: str, rounds: list[dict[str, float]]) -> Table:
    medians = {what: statistics.median(each[what] for each in rounds[1:]) for what in rounds[0]}
    base_s = next(iter(medians.values()))
    shown = Table(heading, escape("median\n[ms]"), "ratio")
    for what, median_s in medians.items():
        shown.add_row(what, f"{1000 * median_s:.0f}", f"{median_s / base_s:.2f}")
    return shown


if __name__ == "__main__":
    Console().print(tiny_run())
