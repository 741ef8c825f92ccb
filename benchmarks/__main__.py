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

import numpy as np
import simpy
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.clock import MANY, RATE, arm_of, timeouts
from benchmarks.convolutions import compared, two_threads_over_one
from benchmarks.startup import startup
from gossim.execute.batched import Batched
from gossim.experiment import window_size
from gossim.numeric import Executed, Nothing
from gossim.observed import Observations
from gossim.problems.build import build
from gossim.problems.problem import Problem
from gossim.record import Recorder
from gossim.scenario import Arm
from gossim.sim.world import World

REPETITIONS = 5

DIGITS = {"data": {"name": "digits"}, "batch_size": 20}
CNN = {"model": {"name": "gosgd_cnn"}, "data": {"name": "mnist5k"}, "batch_size": 20}
WORK: list[tuple[str, dict[str, Any], int, int]] = [
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 8, 16_000),
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 100, 100_000),
    ("logistic", {"model": {"name": "logistic"}, **DIGITS}, 1000, 300_000),
    ("mlp 64-128-10", {"model": {"name": "mlp", "hidden": [128]}, **DIGITS}, 8, 8_000),
    ("mlp 64-128-10", {"model": {"name": "mlp", "hidden": [128]}, **DIGITS}, 1000, 40_000),
]
"""Name, problem, workers, gradient steps."""


def simulate(problem: Problem, arm: Arm) -> int:
    """The simulator with everything it does but writing files. Returns gradient steps."""
    world = World(arm, 0, problem.dim * 4, arm.until.gradient_steps)
    plane = Executed(problem, Batched(problem, Recorder(problem, Observations("gossip", 0), arm.probe).measure))
    with plane.tuned():
        for window in world.windows(*window_size(arm.workers, world.message_bytes)):
            plane.run(window)
    return world.gradient_steps


def bare_gradients(problem: Problem, arm: Arm) -> int:
    """The same batched gradient call and x ← x − ηg in a loop, all workers in step: no clock, no messages."""
    x = problem.initial().repeat(arm.workers, 1)
    rounds = (arm.until.gradient_steps or 0) // arm.workers
    for step in range(rounds):
        x -= RATE * problem.gradients(x, range(arm.workers), [step] * arm.workers)
    return rounds * arm.workers


def hand_batched_logistic(problem: Any, arm: Arm) -> int:
    """Softmax regression by hand: two batched matrix products a step, the batches drawn from one tensor."""
    workers, batch_size = arm.workers, arm.problem.batch_size or 1
    inputs, labels = problem.samples.train_x.flatten(1), problem.samples.train_y
    matrix = torch.zeros(workers, 10, inputs.shape[1])
    bias = torch.zeros(workers, 1, 10)
    index = np.random.default_rng(0)
    rounds = (arm.until.gradient_steps or 0) // workers
    for _ in range(rounds):
        chosen = torch.from_numpy(index.integers(len(inputs), size=(workers, batch_size)))
        x = inputs[chosen]
        error = torch.softmax(torch.baddbmm(bias, x, matrix.transpose(1, 2)), dim=2)
        error.scatter_add_(2, labels[chosen].unsqueeze(2), torch.full((workers, batch_size, 1), -1.0))
        matrix.baddbmm_(error.transpose(1, 2), x, alpha=-RATE / batch_size)
        bias -= RATE / batch_size * error.sum(dim=1, keepdim=True)
    return rounds * workers


def hand_batched_columns(problem: Any, arm: Arm) -> int:
    """The same, laid out so that the softmax goes across columns, where torch is about ten times faster at it."""
    workers, batch_size = arm.workers, arm.problem.batch_size or 1
    inputs, labels = problem.samples.train_x.flatten(1), problem.samples.train_y
    matrix = torch.zeros(workers, 10, inputs.shape[1])
    bias = torch.zeros(workers, 10, 1)
    minus = torch.full((workers, 1, batch_size), -1.0)
    index = np.random.default_rng(0)
    rounds = (arm.until.gradient_steps or 0) // workers
    for _ in range(rounds):
        chosen = torch.from_numpy(index.integers(len(inputs), size=(workers, batch_size)))
        x = inputs[chosen]
        error = torch.softmax(torch.baddbmm(bias, matrix, x.transpose(1, 2)), dim=1)
        error.scatter_add_(1, labels[chosen].unsqueeze(1), minus)
        matrix.baddbmm_(error, x, alpha=-RATE / batch_size)
        bias -= RATE / batch_size * error.sum(dim=2, keepdim=True)
    return rounds * workers


def rate(work: Callable[[], int]) -> float:
    """Units of work a second."""
    began = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - began)


def compare(ours: Callable[[], int], theirs: Callable[[], int]) -> tuple[float, float, float]:
    """Median rates of both, and the median of their ratio, over interleaved repetitions."""
    pairs = [(rate(ours), rate(theirs)) for _ in range(REPETITIONS)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def bare_timeouts(workers: int, events: int) -> int:
    """SimPy alone: that many timeouts in all, by as many processes as there are workers."""
    env = simpy.Environment()
    for _ in range(workers):
        env.process(timeouts(env))
    for _ in range(events):
        env.step()
    return events


def clock_alone(arm: Arm) -> int:
    """The timing plane, as without gradients. Returns gradient steps."""
    world = World(arm, 0, 2600, arm.until.gradient_steps, learns=False)
    plane = Nothing().plane(arm, 0, Observations("gossip", 0))
    with plane.tuned():
        for window in world.windows(*window_size(arm.workers, world.message_bytes)):
            plane.run(window)
    return world.gradient_steps


def memory_per_worker(whose: str) -> float:
    """Bytes of one worker of many, in a process that does nothing else."""
    command = [sys.executable, "-m", "benchmarks.clock", whose]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / MANY


def main() -> None:
    torch.set_num_threads(1)
    table = Table("work", "workers", "simulator,\nsteps/s", "compared with", "it,\nper s", "ratio")
    for name, settings, workers, steps in track(WORK, "measuring"):
        arm = arm_of(settings, workers, steps)
        problem = build(arm.problem, workers, 0, "float32", torch.device("cpu"))
        others: dict[str, Callable[[Any, Arm], int]] = {"the same gradient calls, bare": bare_gradients}
        if name == "logistic":
            others["matrix products by hand"] = hand_batched_logistic
            others["the same, softmax across columns"] = hand_batched_columns
        for what, other in others.items():
            ours, theirs, ratio = compare(lambda: simulate(problem, arm), lambda: other(problem, arm))  # noqa: B023
            table.add_row(name, f"{workers}", f"{ours:,.0f}", what, f"{theirs:,.0f}", f"{ratio:.2f}")
    cnn_arm = arm_of(CNN, 8, 800)
    cnn = build(cnn_arm.problem, cnn_arm.workers, 0, "float32", torch.device("cpu"))
    found = compared(lambda: simulate(cnn, cnn_arm), cnn, cnn_arm, 2)
    row = (f"{found.ours:,.1f}", "single models, channels_last", f"{found.theirs:,.1f}")
    table.add_row("gosgd_cnn", "8", *row, f"{found.ratio:.2f}")
    table.add_row("the same, probes left out", "8", "", "", "", f"{found.ratio_without_probes:.2f}")
    for workers, steps in ((100, 300_000), (1000, 1_000_000), (MANY, 5 * MANY)):
        arm = arm_of({"model": {"name": "noise", "dim": 650}}, workers, steps)
        ours, theirs, ratio = compare(lambda: clock_alone(arm), lambda: bare_timeouts(workers, 300_000))  # noqa: B023
        table.add_row("clock alone", f"{workers}", f"{ours:,.0f}", "SimPy timeouts", f"{theirs:,.0f}", f"{ratio:.2f}")
    console = Console(width=110)
    console.print(table)
    for what, bytes_per_worker in (("clock alone", memory_per_worker("ours")), ("SimPy", memory_per_worker("bare"))):
        console.print(f"{what}: {bytes_per_worker:,.0f} bytes a worker with {MANY:,} workers")
    console.print(startup())
    threads = two_threads_over_one(lambda: simulate(cnn, cnn_arm), 2)
    console.print(f"gosgd_cnn, two threads over one: {threads:.2f}")


if __name__ == "__main__":
    main()
