"""Kills runs and sweeps, as `kill -9` does, at random points, and checks that they go on to the same tables.

python tests/kill.py --times 100 [--seed 0]        (make kill TIMES=100)
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from support.kills import Field, drawn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    random_ = random.Random(asked.seed)
    counts: Counter[str] = Counter()
    late = wrong = 0
    with TemporaryDirectory(prefix="gossim-kills-") as folder:
        field = Field(Path(folder))
        for number in range(asked.times):
            kill = drawn(random_)
            try:
                killed = field.check(kill, number)
            except AssertionError as error:
                wrong += 1
                print(f"{number}: {error}", flush=True)
                continue
            late += not killed
            print(f"{number}: {kill}: {'the same tables' if killed else 'had ended before'}", flush=True)
            counts[f"{kill.command}, {kill.jobs} at a time, {kill.where}"] += killed
    for what, count in sorted(counts.items()):
        print(f"{count:4d}  {what}")
    print(f"{sum(counts.values())} killed and the same afterwards, {late} had ended before, {wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
