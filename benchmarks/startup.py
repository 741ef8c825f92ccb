"""How long `gossim` takes to begin, against Python importing the two packages that reading a scenario needs.

The commands take turns, so that whatever else the machine is doing hits all of them; a first round, which writes
Python's caches, is not counted.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

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


def seconds(arguments: list[str]) -> float:
    """How long a new Python takes for this."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def startup() -> Table:
    """Medians, and their ratios to the first."""
    rounds = [{what: seconds(arguments) for what, arguments in COMMANDS.items()} for _ in range(REPETITIONS + 1)]
    medians = {what: statistics.median(each[what] for each in rounds[1:]) for what in COMMANDS}
    shown = Table("what starts", escape("median\n[ms]"), "ratio")
    for what, median_s in medians.items():
        shown.add_row(what, f"{1000 * median_s:.0f}", f"{median_s / medians[BASE]:.2f}")
    return shown
