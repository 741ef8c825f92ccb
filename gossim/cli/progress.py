"""What the terminal shows while a run or a sweep goes on."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from ..scenario.arm import Arm
    from ..scenario.scenario import Scenario
    from ..scenario.sweep import Point


class _Bars:
    """Shown inside of a `with` block."""

    bars: Progress

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()


class LiveProgress(_Bars):
    """A bar an arm: simulated time, gradient steps, steps per second, what remains. Off a terminal, a line an arm."""

    def __init__(self, scenario: Scenario, console: Console):
        self.console = console
        self.live = console.is_terminal
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[time_s]:8.1f} s simulated"),
            TextColumn("{task.fields[steps]:9,d} steps"),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            disable=not self.live,
        )
        self.tasks = {
            name: self.bars.add_task(name, total=scenario.repeats, start=False, time_s=0.0, steps=0, rate=0.0)
            for name in scenario.arms
        }
        self.finished = dict.fromkeys(scenario.arms, 0)
        self.under_way: dict[tuple[str, int], _UnderWay] = {}

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None:
        self.now = self.under_way.setdefault((name, seed), _UnderWay(name, seed, settings, gradient_steps))
        if not self.finished[name]:
            self.bars.start_task(self.tasks[name])

    def kept(self, name: str, seed: int) -> None:
        self.finished[name] += 1
        self.bars.update(self.tasks[name], completed=self.finished[name])
        if not self.live:
            self.console.print(f"{name}, seed {seed}: done before", highlight=False, markup=False)

    def advance(self, time_s: float, gradient_steps: int) -> None:
        self.now.time_s, self.now.steps = time_s, gradient_steps
        self._show()

    def done(self, message: str | None) -> None:
        now = self.under_way.pop((self.now.name, self.now.seed))
        self.finished[now.name] += 1
        self._show()
        if message:
            self.console.print(f"[bold red]{now.name}, seed {now.seed}: {message}[/]", highlight=False)
        elif not self.live:
            self.console.print(
                f"{now.name}, seed {now.seed}: {now.time_s:g} s simulated, {now.steps} steps, {now.rate:.0f} steps/s",
                highlight=False,
            )

    def warn(self, message: str) -> None:
        self.console.print(f"warning: {message}", style="yellow", highlight=False, markup=False, soft_wrap=True)

    def _show(self) -> None:
        """Of an arm, all seeds together."""
        name = self.now.name
        parts = [each.share for each in self.under_way.values() if each.name == name]
        self.bars.update(
            self.tasks[name],
            completed=self.finished[name] + sum(parts),
            time_s=self.now.time_s,
            steps=self.now.steps,
            rate=self.now.rate,
        )


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
    """A bar of the points that are done, and a line for each that broke; off a terminal, a line a point."""

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


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['rate']:7,.0f} steps/s")
