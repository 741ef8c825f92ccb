"""One arm with one seed, through both planes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol

from ..errors import Diverged, RunError
from ..execute.planes import Gradients, Nothing
from ..profiling import Stopwatch, Unwatched
from ..scenario.arm import Arm
from ..scenario.derived import message_bytes, parameter_bytes, steps_limit, window_size
from ..scenario.scenario import Scenario
from ..sim.timeline import TIMELINE_INTERVALS
from ..sim.world import World
from ..tables.utilisation import overloaded
from .checkpoint import Checkpoints
from .going_on import GoingOn
from .recording import PairRecord


class Watcher(Protocol):
    """What an arm with a seed calls as it goes, as `gossim.runner.progress.Progress` has it."""

    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None: ...
    def advance(self, time_s: float, gradient_steps: int) -> None: ...


ENDED = ("complete", "diverged")
"""How an arm with a seed ends that would end the same way again."""


def planes_of(
    scenario: Scenario, executor: str, gradients: bool, watch: Stopwatch | None = None
) -> dict[str, Gradients | Nothing]:
    """Return the numeric plane of each arm. Without `gradients`, or if nothing is learned, only the clock runs."""
    learning = {name: arm for name, arm in scenario.arms.items() if gradients and arm.problem is not None}
    nothing = Nothing()
    numeric = Gradients(learning, executor, watch) if learning else nothing
    return {name: numeric if name in learning else nothing for name in scenario.arms}


def numeric(planes: Mapping[str, Gradients | Nothing]) -> Gradients | Nothing:
    """The plane that computes gradients, if there is one."""
    return next((plane for plane in planes.values() if isinstance(plane, Gradients)), Nothing())


def has_ended(entry: Mapping[str, Any]) -> bool:
    """Return whether the run of a manifest entry has ended, including with an error that it would meet again."""
    return entry["status"] in ENDED or (entry["status"] == "failed" and entry.get("error") is not None)


class PairRunner:
    """Runs the arms of a scenario, one with one seed at a time.

    Args:
        scenario: The scenario.
        planes: The numeric plane of each arm, by the arm's name.
        watch: The stopwatch of the run.
    """

    def __init__(
        self, scenario: Scenario, planes: Mapping[str, Gradients | Nothing], watch: Stopwatch | Unwatched | None = None
    ):
        self.scenario, self.planes, self.watch = scenario, planes, watch or Unwatched()

    def run(
        self, record: PairRecord, entry: dict[str, Any], progress: Watcher, saved: Checkpoints | None = None
    ) -> None:
        """Run the arm and the seed that `entry`, of the manifest, names. It says afterwards how that ended.

        Args:
            record: What is recorded goes there.
            entry: The entry.
            progress: Called as it goes.
            saved: Its checkpoints, from the last of which it goes on; None if none are kept.

        Raises:
            KeyboardInterrupt: If it was interrupted.
            InputError: If its clock does not repeat what was run until the last checkpoint.
        """
        told = f"arm '{entry['arm']}', seed {entry['seed']}"
        try:
            self._run_planes(record, entry, progress, saved)
            entry["status"] = "complete"
        except KeyboardInterrupt:
            entry["status"] = "interrupted"
            raise
        except Diverged as error:
            entry |= {"status": "diverged", "error": f"{told}: {error}; what came before is kept"}
        except RunError as error:
            entry["error"] = f"{told}: {error}"

    def _run_planes(
        self, record: PairRecord, entry: dict[str, Any], progress: Watcher, saved: Checkpoints | None
    ) -> None:
        """Run the timing plane window by window, and after each window the numeric plane, which fills `record`."""
        name, seed = entry["arm"], entry["seed"]
        arm, learns = self.scenario.arms[name], isinstance(self.planes[name], Gradients)
        with self.watch.share("preparing"):
            plane = self.planes[name].plane(arm, seed, record.observed)
        with plane.tuned(), _threads(arm, learns):
            with self.watch.share("events"):
                world = self._world(arm, seed, learns)
            try:
                windows = world.windows(*window_size(arm.workers, parameter_bytes(arm) if learns else 1))
                steps = self.watch.each("events", windows)
                # Of the clock alone a checkpoint would save nothing: it has to run again in any case.
                going_on = None
                if saved and learns:
                    there = partial(_resumed, world, progress)
                    going_on = GoingOn(saved, world, plane, record, there)
                for window in steps:
                    with self.watch.share("combining" if learns else "probes"):
                        new = going_on is None or going_on.is_new(window)
                        if new:
                            plane.run(window)
                    window.clear()  # before the next one is made
                    if record.is_long():
                        with self.watch.share("writing"):
                            record.put_away()
                    if new:
                        progress.advance(world.clock.now_s, world.gradient_steps)
                    if going_on and going_on.saved.is_due():
                        with self.watch.share("writing"):
                            going_on.save()
                if going_on:
                    going_on.end()
            finally:
                with self.watch.share("writing"):
                    _keep(world, entry)
                    record.end(world)

    def _world(self, arm: Arm, seed: int, learns: bool) -> World:
        return World(
            arm,
            arm.algorithm,
            seed,
            message_bytes(arm),
            gradient_steps=steps_limit(arm),
            timeline_limit=TIMELINE_INTERVALS if seed == self.scenario.seed else 0,
            learns=learns,
        )


def _resumed(world: World, progress: Watcher, seconds: float) -> None:
    progress.resumed(world.clock.now_s, world.gradient_steps, seconds)


def _threads(arm: Arm, learns: bool) -> AbstractContextManager[None]:
    """Use one thread if a single worker learns, because rounding would depend on how its convolutions are divided.
    Several workers have one thread each.
    """
    if not learns or arm.workers > 1:
        return nullcontext()
    from ..problems.threads import one_thread

    return one_thread()


def _keep(world: World, entry: dict[str, Any]) -> None:
    """Put what the clock knows in the end into the manifest's `entry`."""
    entry["staleness_steps"], entry["staleness_s"] = world.staleness()
    entry["messages_lost"] = world.network.messages_lost
    steps = world.gradient_steps
    entry["messages_per_step"] = world.network.messages_sent / steps if steps else None
    if warnings := overloaded(world):
        entry["warnings"] = warnings
