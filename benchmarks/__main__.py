"""The whole simulator against bare loops over the same gradients: `make benchmark`, or `python -m benchmarks`.

Each repetition runs one after the other, and the ratio is the median over repetitions of simulator over bare loop, so
that whatever else the machine is doing hits both. One thread.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.by_hand import along_columns, along_rows
from benchmarks.clock import MANY, RATE, arm_of, bare_timeouts, clock_alone, plain_timeouts, timing
from benchmarks.convolutions import compared, two_threads_over_one
from benchmarks.memory import ten_times_as_long
from benchmarks.startup import startup
from gossim.execute.batched import Batched
from gossim.execute.planes import Executed
from gossim.execute.recorder import Recorder
from gossim.problems.build import build
from gossim.problems.problem import Problem
from gossim.scenario.arm import Arm
from gossim.scenario.derived import window_size
from gossim.sim.world import World
from gossim.tables.probe_rows import Observations

REPETITIONS = 5

DIGITS = {"data": {"name": "digits"}, "batch_size": 20}
CNN = {"model": {"name": "gosgd_cnn"}, "data": {"name": "mnist5k"}, "batch_size": 20}
WORK: list[tuple[str, dict[str, Any], int, int]] = [
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 8, 2000),
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 100, 1000),
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 1000, 300),
    ("mlp 64-128-10", {"model": {"name": "mlp", "hidden": [128]}, **DIGITS}, 8, 1000),
    ("mlp 64-128-10", {"model": {"name": "mlp", "hidden": [128]}, **DIGITS}, 1000, 200),
]
"""Name, problem, workers, gradient steps of each."""

CONVOLUTIONS = ((8, 400, 1), (100, 100, 1))
"""Workers, gradient steps of each, repetitions. Some minutes each, for in less there would be more probes than one for
every hundred steps of a worker: there is always one at the beginning and one at the end."""

TIMING = ((100, 3000), (1000, 1000), (MANY, 20))
"""Workers, gradient steps of each."""


def prepared(arm: Arm) -> Any:
    """The problem of `arm`, on the CPU."""
    assert arm.problem
    return build(arm.problem, arm.workers, 0, "float32", torch.device("cpu"))


def simulate(problem: Problem, arm: Arm) -> int:
    """The simulator with everything it does but writing files. Returns gradient steps."""
    plane = Executed(
        problem, Batched(problem, Recorder(problem, Observations("gossip", 0), arm.probe).measure), arm.dtype
    )
    with plane.tuned():
        world = World(arm, arm.algorithm, 0, problem.dim * 4, arm.until.gradient_steps)
        for window in world.windows(*window_size(arm.workers, world.context.message_bytes)):
            plane.run(window)
    return world.gradient_steps


def bare_gradients(problem: Problem, arm: Arm) -> int:
    """The same steps in a loop, all workers together: no clock, no messages."""
    x = problem.initial().repeat(arm.workers, 1)
    rounds = (arm.until.gradient_steps or 0) // arm.workers
    for step in range(rounds):
        problem.descend(x, range(arm.workers), [step] * arm.workers, 1.0, RATE)
    return rounds * arm.workers


OTHERS: dict[str, Callable[[Any, Arm], int]] = {
    "the same steps, bare": bare_gradients,
    "matrix products by hand": along_rows,
    "the same, softmax across columns": along_columns,
}


TIMEOUTS: dict[str, Callable[[int, int], int]] = {
    "SimPy timeouts": plain_timeouts,
    "the same, collector at rest": bare_timeouts,
}


def rate(work: Callable[[], int]) -> float:
    """Units of work a second."""
    began = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - began)


def compare(ours: Callable[[], int], theirs: Callable[[], int], repetitions: int = REPETITIONS) -> tuple[str, str, str]:
    """Median rates of both, and the median of their ratio, over interleaved repetitions."""
    pairs = [(rate(ours), rate(theirs)) for _ in range(repetitions)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return f"{mine:,.0f}", f"{other:,.0f}", f"{statistics.median(a / b for a, b in pairs):.2f}"


def main() -> None:
    torch.set_num_threads(1)
    table = Table("work", "workers", "compared with", "simulator,\nsteps/s", "it,\nper s", "ratio")
    for name, settings, workers, steps in track(WORK, "small networks"):
        arm = arm_of(settings, workers, {"gradient_steps": workers * steps})
        problem = prepared(arm)
        for what, other in OTHERS.items():
            found = compare(lambda: simulate(problem, arm), lambda: other(problem, arm))  # noqa: B023
            table.add_row(name, f"{workers}", what, *found)
    for workers, steps, repetitions in track(CONVOLUTIONS, "convolutions"):
        arm = arm_of(CNN, workers, {"gradient_steps": workers * steps})
        cnn = prepared(arm)
        beside = compared(lambda: simulate(cnn, arm), cnn, arm, repetitions)  # noqa: B023
        row = ("single models, channels_last", f"{beside.ours:,.1f}", f"{beside.theirs:,.1f}", f"{beside.ratio:.2f}")
        table.add_row("gosgd_cnn", f"{workers}", *row)
        table.add_row("", "", "the same, our losses left out", "", "", f"{beside.ratio_without_probes:.2f}")
    for workers, steps in track(TIMING, "the clock alone"):
        arm = timing(workers, steps)
        for what, timeouts in TIMEOUTS.items():
            found = compare(lambda: clock_alone(arm), lambda: timeouts(workers, workers * steps), 3)  # noqa: B023
            table.add_row("clock alone", f"{workers}", what, *found)
    console = Console(width=110)
    console.print(table)
    for whose in ("clock", "simpy"):
        command = [sys.executable, "-m", "benchmarks.clock", whose]
        each = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        console.print(f"{whose}: {each:,} bytes a worker with {MANY:,} workers")
    console.print(startup())
    console.print(f"memory, a run of ten times the length: {ten_times_as_long():.2f} times the short one's")
    arm = arm_of(CNN, 8, {"gradient_steps": 320})
    cnn = prepared(arm)
    console.print(f"gosgd_cnn, two threads over one: {two_threads_over_one(lambda: simulate(cnn, arm), 3):.2f}")


if __name__ == "__main__":
    main()
