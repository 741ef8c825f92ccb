"""The second plane of a run: real gradients by torch, or none at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from .errors import InputError
from .observed import Observations
from .program import Op, Probe

if TYPE_CHECKING:
    from .problems.problem import Problem
    from .profiling import Stopwatch
    from .settings import Arm


class Plane(Protocol):
    """Takes the windows of a program, inside of `tuned`."""

    def run(self, ops: Sequence[Op]) -> None: ...
    def tuned(self) -> AbstractContextManager[None]: ...


class Nothing:
    """The clock alone: only the probes of a program are looked at. No torch is imported."""

    device, device_name = "none", "none"

    def check(self, arm: Arm, seeds: Sequence[int]) -> None:
        """Nothing can be wrong."""

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


class Gradients:
    """Real gradients, by the executor of that name, with a stopwatch or without."""

    def __init__(self, arms: dict[str, Arm], executor: str, stopwatch: Stopwatch | None = None):
        from .execute.batched import Batched
        from .execute.reference import Reference
        from .problems.build import device_name, device_named

        executors: dict[str, Any] = {"batched": Batched, "reference": Reference}
        if executor not in executors:
            raise InputError(f"executor = {executor!r}: must be one of {', '.join(executors)}")
        self.executor = executors[executor]
        if stopwatch is not None:
            from .execute.profiled import ProfiledBatched, ProfiledReference

            timed = {"batched": ProfiledBatched, "reference": ProfiledReference}[executor]
            self.executor = partial(timed, stopwatch)
        self.devices = {arm.device: device_named(arm.device) for arm in arms.values()}
        first = next(iter(self.devices.values()))
        self.device, self.device_name = first.type, device_name(first)

    def check(self, arm: Arm, seeds: Sequence[int]) -> None:
        """Raise InputError unless the arm's model and data can be had and fit together."""
        from .execute.runtime import repeatable
        from .problems.build import check_gradients, check_partitions

        assert arm.problem is not None
        device = self.devices[arm.device]
        if arm.dtype == "tf32" and device.type != "cuda":
            raise InputError(f"dtype = tf32: is a way of GPUs, and the device here is {device.type}; use float32")
        check_partitions(arm.problem, arm.workers, seeds)
        with repeatable(device, arm.dtype):
            check_gradients(self._problem(arm, seeds[0]))

    def plane(self, arm: Arm, seed: int, observed: Observations) -> Plane:
        from .record import Recorder

        problem = self._problem(arm, seed)
        return Executed(problem, self.executor(problem, Recorder(problem, observed, arm.probe).measure), arm.dtype)

    def _problem(self, arm: Arm, seed: int) -> Problem:
        from .problems.build import build

        assert arm.problem is not None
        return build(arm.problem, arm.workers, seed, arm.dtype, self.devices[arm.device])


class Executed:
    """An executor with the process set for its problem, and for the arm's `dtype`."""

    def __init__(self, problem: Problem, executor: Any, dtype: str):
        self.problem, self.dtype = problem, dtype
        self.run = executor.run

    @contextmanager
    def tuned(self) -> Iterator[None]:
        from .execute.runtime import repeatable, threads_for

        with threads_for(self.problem), repeatable(self.problem.device, self.dtype), collector_resting():
            yield


@contextmanager
def collector_resting() -> Iterator[None]:
    """Python's cycle collector rests: a window is some hundred thousand small tuples without cycles, and it would walk
    through them again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
