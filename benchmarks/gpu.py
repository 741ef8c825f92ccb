"""The simulator on a GPU, against single models one after the other there, and against the floor of its arithmetic.

    python -m benchmarks.gpu [DTYPE [DEVICE [SMALL]]]   float32 or tf32, on cuda; `float32 cpu 1` tries it out

The floor is the longer of two times: that of the multiplications and additions, at the speed of a large matrix product
measured on the same device, and that of reading and writing all parameters and gradients once, at the speed of a copy.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.__main__ import CNN, DIGITS, REPETITIONS, simulate
from benchmarks.clock import RATE, arm_of
from gossim.errors import InputError
from gossim.execute.runtime import repeatable
from gossim.problems.build import build, device_named
from gossim.problems.problem import Problem
from gossim.scenario.arm import Arm

WORK: list[tuple[str, dict[str, Any], int, int]] = [
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 10_000, 50),
    ("mlp 64-128-10", {"model": {"name": "mlp", "hidden": [128]}, **DIGITS}, 1000, 100),
    ("gosgd_cnn", CNN, 8, 200),
    ("gosgd_cnn", CNN, 64, 100),
    ("gosgd_cnn", CNN, 256, 50),
]
"""Name, problem, workers, steps of each."""


def one_by_one(problem: Problem, arm: Arm, steps: int) -> int:
    """The gradient and step of one model after the other, as many as fit into a fair share of time."""
    x = problem.initial().repeat(arm.workers, 1)
    for step in range(steps):
        for worker in range(min(arm.workers, 8)):
            x[worker] -= RATE * problem.gradient(x[worker], worker, step)
    return steps * min(arm.workers, 8)


def rate(device: torch.device, work: Callable[[], int]) -> float:
    """Units of work a second, when the device has done all of it."""
    began = time.perf_counter()
    done = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return done / (time.perf_counter() - began)


def floor_per_s(problem: Problem, device: torch.device) -> float:
    """Gradient steps a second if nothing but arithmetic or memory counted."""
    with FlopCounterMode(display=False) as counted:
        problem.gradient(problem.initial(), 0, 0)
    size = 4096 if device.type == "cuda" else 512
    a = torch.randn(size, size, device=device)
    flops_per_s = 2 * size**3 * rate(device, lambda: len([torch.mm(a, a) for _ in range(20)]))
    bytes_per_s = 2 * a.nbytes * rate(device, lambda: len([a.clone() for _ in range(20)]))
    moved = 4 * problem.dim * 4  # x read and written, the gradient written and read
    return 1 / max(counted.get_total_flops() / flops_per_s, moved / bytes_per_s)


def main() -> None:
    dtype, device_name, small = [*sys.argv[1:], *["float32", "cuda", ""][len(sys.argv) - 1 :]]
    try:
        device = device_named(device_name)
    except InputError as error:
        sys.exit(f"error: {error}")
    with repeatable(device, dtype):
        table = measured(device, dtype, bool(small))
    console = Console(width=110)
    console.print(table)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    console.print(f"{where}; torch {torch.__version__}; {dtype}", highlight=False)


def measured(device: torch.device, dtype: str, small: bool) -> Table:
    table = Table("work", "workers", "simulator,\nsteps/s", "one by one,\nper s", "ratio", "floor,\nper s", "ratio")
    for name, settings, workers, steps in WORK:
        workers, steps = (8, 5) if small else (workers, steps)
        arm = arm_of(settings, workers, {"gradient_steps": steps * workers}).model_copy(update={"dtype": dtype})
        assert arm.problem
        problem = build(arm.problem, workers, 0, dtype, device)
        simulate(problem, arm)  # once to warm up
        pairs = [
            (rate(device, lambda: simulate(problem, arm)), rate(device, lambda: one_by_one(problem, arm, steps)))  # noqa: B023
            for _ in range(2 if small else REPETITIONS)
        ]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio, floor = statistics.median(a / b for a, b in pairs), floor_per_s(problem, device)
        cells = (f"{ours:,.0f}", f"{theirs:,.0f}", f"{ratio:.1f}", f"{floor:,.0f}", f"{ours / floor:.2f}")
        table.add_row(name, str(workers), *cells)
    return table


if __name__ == "__main__":
    main()
