"""The second plane of a run: real gradients by torch, or none at all."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import InputError
from ..files.process_state import PROCESS
from ..program import Op, Probe
from ..tables.probe_rows import Observations

if TYPE_CHECKING:
    from ..problems.problem import Problem
    from ..profiling import Stopwatch
    from ..scenario.arm import Arm


class Plane(Protocol):
    """Executes the windows of a program, inside `tuned`."""

    def run(self, ops: Sequence[Op]) -> None: ...
    def values(self, rows: Sequence[int]) -> np.ndarray:
        """Return the contents of these rows, `(rows, dim)`."""

    def restore(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Set these rows to `values`, `(rows, dim)`."""

    def tuned(self) -> AbstractContextManager[None]: ...


class Nothing:
    """The clock alone: only the probes of a program are used. torch is not imported."""

    device, device_name = "none", "none"

    def check(self, arm: Arm, seeds: Sequence[int]) -> None:
        """Do nothing, because nothing can be wrong."""

    def plane(self, arm: Arm, seed: int, observed: Observations) -> Plane:
        return _ProbesOnly(observed)


class _ProbesOnly:
    def __init__(self, observed: Observations):
        self.observed = observed
        self.tuned = collector_resting

    def run(self, ops: Sequence[Op]) -> None:
        for op in ops:
            if isinstance(op, Probe):
                self.observed.add(op.facts)

    def values(self, rows: Sequence[int]) -> np.ndarray:
        return np.zeros((len(rows), 0))

    def restore(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Do nothing, because there are no rows."""


class Gradients:
    """Real gradients, by the executor of that name, with or without a stopwatch."""

    def __init__(self, arms: dict[str, Arm], executor: str, stopwatch: Stopwatch | None = None):
        from ..problems.build import device_name, device_named
        from .batched import Batched
        from .reference import Reference

        executors: dict[str, Any] = {"batched": Batched, "reference": Reference}
        if executor not in executors:
            raise InputError(f"executor = {executor!r}: must be one of {', '.join(executors)}")
        self.executor = executors[executor]
        if stopwatch is not None:
            from .profiled import ProfiledBatched, ProfiledReference

            timed = {"batched": ProfiledBatched, "reference": ProfiledReference}[executor]
            self.executor = partial(timed, stopwatch)
        self.devices = {arm.device: device_named(arm.device) for arm in arms.values()}
        first = next(iter(self.devices.values()))
        self.device, self.device_name = first.type, device_name(first)

    def check(self, arm: Arm, seeds: Sequence[int]) -> None:
        """Raise InputError unless the arm's model and data can be had and fit together."""
        from ..problems.build import check_gradients, check_partitions
        from ..problems.check import unreached
        from .runtime import repeatable

        assert arm.problem is not None
        device = self.devices[arm.device]
        if arm.dtype == "tf32" and device.type != "cuda":
            raise InputError(f"dtype = tf32: is a way of GPUs, and the device here is {device.type}; use float32")
        check_partitions(arm.problem, arm.workers, seeds)
        with PROCESS, repeatable(device, arm.dtype):
            problem = self._problem(arm, seeds[0])
            check_gradients(problem)
            spare = unreached(problem) if getattr(arm.optimizer, "weight_decay", 0) else []
        if spare:
            raise InputError(
                f"problem.model: the loss does not depend on '{spare[0]}', to which torch's optimizers apply no weight "
                "decay; take it out, or set optimizer.weight_decay to 0"
            )

    def plane(self, arm: Arm, seed: int, observed: Observations) -> Plane:
        from .recorder import Recorder

        problem = self._problem(arm, seed)
        return Executed(problem, self.executor(problem, Recorder(problem, observed, arm.probe).measure), arm.dtype)

    def _problem(self, arm: Arm, seed: int) -> Problem:
        from ..problems.build import build

        assert arm.problem is not None
        with PROCESS:
            return build(arm.problem, arm.workers, seed, arm.dtype, self.devices[arm.device])


class Executed:
    """An executor. While it runs a window, the process is set up for its problem and the arm's `dtype`.

    These settings are the process's: threads that run scenarios at once take turns, a window each.
    """

    def __init__(self, problem: Problem, executor: Any, dtype: str):
        self.problem, self.executor, self.dtype = problem, executor, dtype
        self.tuned = collector_resting

    def run(self, ops: Sequence[Op]) -> None:
        from .runtime import repeatable, threads_for

        with PROCESS, threads_for(self.problem), repeatable(self.problem.device, self.dtype):
            self.executor.run(ops)

    def values(self, rows: Sequence[int]) -> np.ndarray:
        values: np.ndarray = self.executor.values(rows).cpu().numpy()
        return values

    def restore(self, rows: Sequence[int], values: np.ndarray) -> None:
        import torch

        self.executor.restore(rows, torch.from_numpy(values).to(self.problem.device))


class _Collector:
    """Python's cycle collector, shared by all threads, and how many runs have paused it."""

    def __init__(self) -> None:
        self.lock, self.runs, self.was_on = threading.Lock(), 0, False

    def rest(self) -> None:
        with self.lock:
            if self.runs == 0:
                self.was_on = gc.isenabled()
                gc.disable()
            self.runs += 1

    def work(self) -> None:
        with self.lock:
            self.runs -= 1
            if self.runs == 0 and self.was_on:
                gc.enable()


_COLLECTOR = _Collector()


@contextmanager
def collector_resting() -> Iterator[None]:
    """Pause Python's cycle collector. A window is some hundred thousand small tuples without cycles, which it would
    walk through again and again.
    """
    _COLLECTOR.rest()
    try:
        yield
    finally:
        _COLLECTOR.work()
