"""What the terminal shows while a run or a sweep goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .time_left import TimeLeft, told

if TYPE_CHECKING:
    from ..scenario.arm import Arm
    from ..scenario.scenario import Scenario
    from ..scenario.sweep import Point

SHOWN_EVERY_S = 0.1
"""Of wall time, after which the bars are computed anew."""


class _Bars:
    """Progress bars that are shown inside a `with` block."""

    bars: Progress

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()


class LiveProgress(_Bars):
    """A bar per arm with simulated time, gradient steps, steps per second and time left, and the time left of the whole
    run.

    Off a terminal, a line for each arm and seed that ends.

    Args:
        scenario: What is run.
        console: Where it is shown.
        estimated_s: What each arm is estimated to take with one seed.
        jobs: How many run side by side.
    """

    def __init__(self, scenario: Scenario, console: Console, estimated_s: Mapping[str, float], jobs: int = 1):
        self.console = console
        self.live = console.is_terminal
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[time_s]}"),
            TextColumn("{task.fields[steps]}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not self.live,
        )
        nothing: dict[str, Any] = dict.fromkeys(("time_s", "steps", "rate", "left"), "")
        self.tasks = {name: self.bars.add_task(name, total=scenario.repeats, **nothing) for name in scenario.arms}
        self.all = self.bars.add_task("[bold]all[/]", total=len(scenario.arms) * scenario.repeats, **nothing)
        self.finished = dict.fromkeys(scenario.arms, 0)
        self.under_way: dict[tuple[str, int], _UnderWay] = {}
        self.left = TimeLeft(scenario, estimated_s, jobs)

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None:
        self.now = self.under_way.setdefault((name, seed), _UnderWay(name, seed, settings, gradient_steps))
        self.left.begin((name, seed))

    def kept(self, name: str, seed: int) -> None:
        self.finished[name] += 1
        self.left.skip((name, seed))
        self.bars.update(self.tasks[name], completed=self.finished[name])
        if not self.live:
            self.console.print(f"{name}, seed {seed}: done before", highlight=False, markup=False)

    def resumed(self, time_s: float, gradient_steps: int, seconds: float) -> None:
        self.now.began = time.perf_counter() - seconds
        self.left.resume((self.now.name, self.now.seed), seconds)
        self.advance(time_s, gradient_steps)

    def advance(self, time_s: float, gradient_steps: int) -> None:
        self.now.time_s, self.now.steps = time_s, gradient_steps
        self.left.advance((self.now.name, self.now.seed), self.now.share)
        if self.live and self.bars.get_time() >= self._due_s:
            self._show()

    def done(self, message: str | None) -> None:
        now = self.under_way.pop((self.now.name, self.now.seed))
        self.finished[now.name] += 1
        self.left.end((now.name, now.seed))
        self._show()
        if message:
            self.console.print(f"[bold red]{now.name}, seed {now.seed}: {message}[/]", highlight=False)
        elif not self.live:
            rest = self.left.in_all()
            left = f"; {told(rest)} left in total" if rest else ""
            self.console.print(
                f"{now.name}, seed {now.seed}: {now.time_s:g} s simulated, {now.steps} steps, {now.rate:.0f} steps/s"
                f"{left}",
                highlight=False,
            )

    def warn(self, message: str) -> None:
        self.console.print(f"warning: {message}", style="yellow", highlight=False, markup=False, soft_wrap=True)

    def _show(self) -> None:
        """Show the progress of an arm, all seeds together."""
        self._due_s = self.bars.get_time() + SHOWN_EVERY_S
        name = self.now.name
        shares: dict[str, float] = {}
        for each in self.under_way.values():
            shares[each.name] = shares.get(each.name, 0.0) + each.share
        self.bars.update(
            self.tasks[name],
            completed=self.finished[name] + shares.get(name, 0.0),
            time_s=f"{self.now.time_s:8.1f} s simulated",
            steps=f"{self.now.steps:9,d} steps",
            rate=f"{self.now.rate:7,.0f} steps/s",
        )
        for arm, task in self.tasks.items():
            self.bars.update(task, left=_left(self.left.of_arm(arm)))
        done = sum(self.finished.values()) + sum(shares.values())
        self.bars.update(self.all, completed=done, left=_left(self.left.in_all()))

    _due_s = 0.0


def _left(seconds: float | None) -> str:
    return f"{told(seconds)} left" if seconds else ""


class _UnderWay:
    """An arm with a seed that has begun."""

    def __init__(self, name: str, seed: int, settings: Arm, limit: int | None):
        self.name, self.seed, self.settings, self.limit = name, seed, settings, limit
        self.began = time.perf_counter()
        self.time_s, self.steps = 0.0, 0

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        until = self.settings.until.time_s
        return min(1.0, max(self.time_s / until if until else 0.0, self.steps / self.limit if self.limit else 0.0))

    @property
    def rate(self) -> float:
        """Gradient steps a second of wall time."""
        return self.steps / max(time.perf_counter() - self.began, 1e-9)


class SweepBar(_Bars):
    """A bar of finished points, and a line for each that failed; without a terminal, a line per point."""

    def __init__(self, console: Console):
        self.console = console
        self.bars = Progress(
            TextColumn("{task.completed:g} of {task.total:g} points"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.done, self.points = 0, 0

    def begin(self, points: int, done: int) -> None:
        self.points, self.done = points, done
        self.task = self.bars.add_task("points", total=points, completed=done)
        if done:
            self.console.print(f"{done} of {points} points were done before", highlight=False)

    def point(self, point: Point, error: str | None) -> None:
        self.done += 1
        self.bars.update(self.task, completed=self.done)
        if error or not self.console.is_terminal:
            line = f"{self.done} of {self.points}: {point}" + (": broke down" if error else "")
            self.console.print(line, style="bold red" if error else None, highlight=False, markup=False)
