"""The memory of a run against that of one ten times as long, each in a process of its own.

python -m benchmarks.memory STEPS       logistic, M = 100, so many steps of a worker: prints the peak in bytes
"""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.clock import arm_of

SHORT, WORKERS = 300, 100


def peak(steps: int) -> int:
    """Of a process that makes this run and nothing else, in bytes."""
    command = [sys.executable, "-m", "benchmarks.memory", str(steps)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def ten_times_as_long() -> float:
    """The longer run's peak over the shorter one's, imports included."""
    return peak(10 * SHORT) / peak(SHORT)


def main() -> None:
    import torch

    from benchmarks.__main__ import DIGITS, prepared, simulate

    torch.set_num_threads(1)
    arm = arm_of({"model": {"name": "logistic"}, **DIGITS}, WORKERS, {"gradient_steps": int(sys.argv[1]) * WORKERS})
    simulate(prepared(arm), arm)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)  # Linux counts in kilobytes


if __name__ == "__main__":
    main()
