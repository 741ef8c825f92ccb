"""How long `gossim run` takes with two jobs, against one: `python -m benchmarks.jobs`.

What importing the packages takes, which both do, is measured in turns with them and taken off both. Nothing else should
use the cores meanwhile.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.startup import FLOOR, SCENARIO, seconds

REPETITIONS = 3


def two_over_one() -> tuple[float, float, float, float]:
    """Medians of the floor, of one job and of two, in seconds, and that of the ratio without the floor."""
    rounds = []
    for _ in range(REPETITIONS):
        floor_s = seconds(["-c", FLOOR])
        one_s, two_s = (_run_s(jobs) for jobs in (1, 2))
        rounds.append((floor_s, one_s, two_s, (two_s - floor_s) / (one_s - floor_s)))
    floor_s, one_s, two_s, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    return floor_s, one_s, two_s, ratio


def _run_s(jobs: int) -> float:
    with TemporaryDirectory() as folder:
        out = str(Path(folder, "run"))
        return seconds(["-m", "gossim", "run", str(SCENARIO), "--out", out, "--jobs", str(jobs), "--quiet"])


def main() -> None:
    floor_s, one_s, two_s, ratio = two_over_one()
    print(f"imports {floor_s:.1f} s, one job {one_s:.1f} s, two jobs {two_s:.1f} s; without the imports {ratio:.2f}")


if __name__ == "__main__":
    main()
