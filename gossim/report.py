"""What the terminal shows: progress, the table of arms, the catalogue of names."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .errors import RunError
from .parameters import parameters
from .profiling import SHARES

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .gradient_weights import GradientWeights
    from .grid import Point
    from .pair import Pair
    from .results import Results
    from .scenario import Arm, Scenario


class LiveProgress:
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

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def arm(self, name: str, seed: int, settings: Arm, gradient_steps: int | None) -> None:
        self.name, self.seed, self.settings, self.limit = name, seed, settings, gradient_steps
        self.began = time.perf_counter()
        self.time_s, self.steps = 0.0, 0
        if not self.finished[name]:
            self.bars.start_task(self.tasks[name])

    def advance(self, time_s: float, gradient_steps: int) -> None:
        self.time_s, self.steps = time_s, gradient_steps
        until = self.settings.until.time_s
        share = max(time_s / until if until else 0.0, gradient_steps / self.limit if self.limit else 0.0)
        self._show(self.finished[self.name] + min(share, 1.0))

    def done(self, message: str | None) -> None:
        self.finished[self.name] += 1
        self._show(self.finished[self.name])
        if message:
            self.console.print(f"[bold red]{self.name}, seed {self.seed}: {message}[/]", highlight=False)
        elif not self.live:
            self.console.print(
                f"{self.name}, seed {self.seed}: {self.time_s:g} s simulated, {self.steps} steps, "
                f"{self._rate():.0f} steps/s",
                highlight=False,
            )

    def _rate(self) -> float:
        return self.steps / max(time.perf_counter() - self.began, 1e-9)

    def _show(self, completed: float) -> None:
        self.bars.update(
            self.tasks[self.name],
            completed=completed,
            time_s=self.time_s,
            steps=self.steps,
            rate=self._rate(),
        )


class SweepBar:
    """A bar of the points that are done, and a line for each that broke; off a terminal, a line a point."""

    def __init__(self, console: Console):
        self.console = console
        self.bar = Progress(
            TextColumn("{task.completed:g} of {task.total:g} points"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.done, self.points = 0, 0

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def begin(self, points: int, done: int) -> None:
        self.points, self.done = points, done
        self.task = self.bar.add_task("points", total=points, completed=done)
        if done:
            self.console.print(f"{done} of {points} points were done before", highlight=False)

    def point(self, point: Point, error: str | None) -> None:
        self.done += 1
        self.bar.update(self.task, completed=self.done)
        if error or not self.console.is_terminal:
            line = f"{self.done} of {self.points}: {point}" + (": broke down" if error else "")
            self.console.print(line, style="bold red" if error else None, highlight=False, markup=False)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['rate']:7,.0f} steps/s")


_MEASURES = {
    "time_s": ("time\n[s]", "{:.4g}", 1),
    "gradient_steps": ("gradient\nsteps", "{:,.0f}", 1),
    "bytes_sent": ("sent\n[MB]", "{:,.1f}", 1e-6),
    "train_loss": ("train\nloss", "{:.3f}", 1),
    "test_loss": ("test\nloss", "{:.3f}", 1),
    "test_accuracy": ("accur.\n[%]", "{:.1f}", 100),
    "consensus_distance": ("consens.\ndistance", "{:.3g}", 1),
}

_CLOCK_MEASURES = {
    **{name: _MEASURES[name] for name in ("time_s", "gradient_steps", "bytes_sent")},
    "steps_per_s": ("steps\nper s", "{:,.1f}", 1),
    "idle_share": ("idle\n[%]", "{:.1f}", 100),
}
"""Where nothing is learned."""


def comparison(results: Results | Pair) -> Table:
    """The arms side by side, mean ± standard error over seeds."""
    from .summary import told_count

    summary = results.summary()
    scenario = results.scenario
    with_error = " ± standard error" if (summary["seeds"] > 1).any() else ""
    shown = Table(
        title=escape(scenario.title) or None,
        caption=f"at the end; mean{with_error} over the seeds that finished, of {told_count(summary['seeds'])}",
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_lines=True,
    )
    shown.add_column("arm", no_wrap=True)
    learned = summary["consensus_distance"].notna().any()
    measures = _MEASURES if learned else _CLOCK_MEASURES
    measures = {name: how for name, how in measures.items() if summary[name].notna().any()}
    for heading, _, _ in measures.values():
        shown.add_column(escape(heading), justify="right", no_wrap=True)
    if scenario.target and learned:
        goal = next((name, value) for name, value in scenario.target.model_dump().items() if value is not None)
        shown.add_column(f"seconds\nto {goal[0].replace('_', chr(10))} {goal[1]:g}", justify="right", no_wrap=True)
    for arm, row in summary.iterrows():
        cells = [_cell(row, name, form, scale) for name, (_, form, scale) in measures.items()]
        if scenario.target and learned:
            cells.append(_target_cell(row))
        label = escape(str(arm))
        if row["finished"] < row["seeds"]:
            label += f"\n{row['finished']:.0f} of {row['seeds']:.0f} seeds"
        if row["diverged"]:
            label += f"\n{row['diverged']:.0f} diverged"
        shown.add_row(label, *cells)
    return shown


def gradient_weights(found: Mapping[str, GradientWeights]) -> Table:
    """Of each arm: its gradients, how many were used, and what their weights add up to for each τ."""
    shown = Table(box=box.HORIZONTALS, pad_edge=False)
    shown.add_column("arm", no_wrap=True)
    for heading in ("gradients", "used", "weight\nof x⁰", "Σ_m a_m\nfirst τ", "mean\nover τ", "smallest", "largest"):
        shown.add_column(heading, justify="right")
    for arm, (gradients, sums, initial) in found.items():
        used = gradients[gradients["used_s"].notna()].groupby("worker")["step"].max()
        last = used.reindex(gradients["worker"].unique()).min(skipna=False)  # of a worker of which nothing was: NaN
        of_all = sums.loc[sums["step"] <= last, "a_sum"]
        numbers = [sums["a_sum"].iloc[0], of_all.mean(), of_all.min(), of_all.max()]
        counts = [f"{len(gradients):,}", f"{gradients['used_s'].count():,}"]
        shown.add_row(escape(arm), *counts, *("–" if n != n else f"{n:.4g}" for n in (initial, *numbers)))
    shown.caption = "Mean, smallest and largest over those τ that every worker has come to."
    return shown


def wall_time(seconds: Mapping[str, float]) -> Table:
    """Where the wall time of a run went, all arms and seeds together: seconds, and shares of their sum."""
    total_s = sum(seconds.values())
    shown = Table(title="where the wall time went", box=box.HORIZONTALS, pad_edge=False, show_footer=True)
    shown.add_column("share", "all", no_wrap=True)
    shown.add_column(escape("[s]"), f"{total_s:,.2f}", justify="right", no_wrap=True)
    shown.add_column(escape("[%]"), "100.0", justify="right", no_wrap=True)
    shown.add_column("which is", no_wrap=True)
    for name, share_s in seconds.items():
        shown.add_row(name, f"{share_s:,.2f}", f"{100 * share_s / total_s:.1f}", SHARES[name])
    return shown


def show(console: Console, shown: Table) -> None:
    """Print a table in full: on a narrow terminal its lines may break, but no digit is cut off."""
    options = console.options.update(width=500, max_width=500)
    natural = Measurement.get(console, options, shown).maximum
    if natural > console.width:
        console = Console(file=console.file, width=natural, quiet=console.quiet, emoji=False)
    console.print(shown)


def _cell(row: Any, name: str, form: str, scale: float) -> str:
    mean, error = row[name] * scale, row[f"{name}_se"] * scale
    if mean != mean:
        return "–"
    return form.format(mean) + (f"\n±{form.format(error)}" if error == error else "")


def _target_cell(row: Any) -> str:
    if row["reached"] < row["seeds"]:
        return f"{row['reached']:.0f} of {row['seeds']:.0f}\nreached it" if row["reached"] else "not\nreached"
    return _cell(row, "time_to_target_s", "{:.1f}", 1)


def catalogue(topic: str, workers: int = 16) -> Table:
    """The names that a scenario can use for `topic`: each with its parameters, one line about it and its source; of a
    topology also the spectral gap for so many workers."""
    shown = Table(title=topic, title_justify="left", box=box.HORIZONTALS, pad_edge=False, show_lines=True)
    if topic == "algorithms":
        shown.caption = "or a class of your own, `package.module:Class`: see docs/write_your_own_algorithm.md"
    shown.add_column("name", no_wrap=True)
    shown.add_column("parameters", overflow="fold")
    shown.add_column("what it is", overflow="fold")
    if topic == "topologies":
        shown.add_column(f"spectral gap of W, {workers} workers", overflow="fold")
    for name, lines, meaning in _entries(topic):
        shown.add_row(name, lines, meaning, *([_spectral_gap(name, workers)] if topic == "topologies" else []))
    return shown


def _entries(topic: str) -> list[tuple[str, str, str]]:
    if topic == "distributions":
        from .sim.delays import LAWS, continuous_distributions

        known = sorted(continuous_distributions().items())
        scipys = [(n, ", ".join(filter(None, [law.shapes, "loc", "scale"])), _first_line(law)) for n, law in known]
        return [(name, _parameters(law), _first_line(law)) for name, law in LAWS.items()] + scipys
    if topic == "collectives":
        from .sim.collectives import COLLECTIVES

        return [(name, _parameters(collective), _first_line(collective)) for name, collective in COLLECTIVES.items()]
    if topic == "topologies":
        from .sim.topology import TOPOLOGIES

        return [(name, _parameters(topology), _first_line(topology)) for name, topology in TOPOLOGIES.items()]
    from .algorithms import ALGORITHMS
    from .optimizers import OPTIMIZERS, SCHEDULES
    from .problems import DATA, MODELS
    from .problems.models import Factory

    entries: dict[str, dict[str, type[BaseModel]]] = {
        "algorithms": dict(ALGORITHMS),
        "models": {**MODELS, "package.module:factory": Factory},
        "data": dict(DATA),
        "optimizers": dict(OPTIMIZERS),
        "schedules": dict(SCHEDULES),
    }
    return [(name, _parameters(cls), _first_line(cls)) for name, cls in entries[topic].items()]


def _spectral_gap(name: str, workers: int) -> str:
    """With the kind's example parameters and seed 0, or why there is none."""
    from .sim.topology import TOPOLOGIES

    kind = TOPOLOGIES[name]
    if any(field.is_required() and key not in kind.example for key, field in kind.model_fields.items()):
        return "depends on the file"
    settings = kind.model_validate(kind.example)
    unfit = settings.unfit(workers)
    if unfit:
        return unfit
    try:
        topology = settings.build(workers, seed=0)
        gap = f"{topology.spectral_gap():.3g}"
    except RunError as error:
        return str(error)
    if topology.spectrum_of != "W":
        gap += f", that of {topology.spectrum_of}"
    return "\n".join([gap, *(f"{key}: {value}" for key, value in kind.example.items())])


def _parameters(cls: type[BaseModel]) -> str:
    return escape("\n".join(parameters(cls)))


def _first_line(thing: Any) -> str:
    """The docstring's first paragraph, and its source."""
    paragraph, *more = (inspect.getdoc(thing) or "").split("\n\n")
    _, _, source = "\n\n".join(more).partition("\nSource: ")
    told = [paragraph, f"Source: {source}"] if source else [paragraph]
    return escape("\n".join(" ".join(text.split()) for text in told))
