"""The command line."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import InputError, RunError
from .profiling import Stopwatch, Unwatched

if TYPE_CHECKING:
    from rich.console import Console

    from .results import Results, RunDirectory
    from .scenario import Scenario

app = typer.Typer(
    help="Simulate distributed SGD: gossip against synchronous aggregation, when some workers are slow.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""The status of a process that Ctrl-C ended, as shells have it."""

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]

Changes = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. --set optimizer.momentum=0.9"),
]


class Topic(StrEnum):
    ALGORITHMS = "algorithms"
    MODELS = "models"
    DATA = "data"
    OPTIMIZERS = "optimizers"
    SCHEDULES = "schedules"
    DISTRIBUTIONS = "distributions"
    COLLECTIVES = "collectives"
    TOPOLOGIES = "topologies"


@app.command()
def run(
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Run directory  [default: runs/<scenario>]")] = None,
    device: Annotated[
        str | None, typer.Option(metavar="D", help="auto, cpu or cuda, instead of the scenario's")
    ] = None,
    no_gradients: Annotated[
        bool, typer.Option("--no-gradients", help="Run the clock alone: no parameters, no losses, no torch.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a complete run.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Show where the wall time went.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Run every arm of a scenario with every seed; write tables and figures; compare the arms."""
    stopwatch = Stopwatch() if profile else None
    watch = stopwatch or Unwatched()
    with watch.share("preparing"):
        settings = _changed(scenario, changes, {} if device is None else {"device": device})
        from .results import RunDirectory

        store = RunDirectory(out or Path("runs") / scenario.stem)
    store.refuse_overwriting(force)
    console, notes = _console(quiet=quiet), _console(stderr=True, quiet=quiet)
    with watch.share("preparing"), console.status("Preparing"):
        from .experiment import Experiment
        from .progress import LiveProgress
        from .report import comparison, show, wall_time

        try:
            experiment = Experiment(settings, gradients=not no_gradients, stopwatch=stopwatch)
        except InputError as error:
            raise InputError(f"{scenario}: {error}") from None
    broken: RunError | KeyboardInterrupt | None = None
    try:
        with LiveProgress(settings, notes) as progress:
            experiment.run(store, progress)
    except (RunError, KeyboardInterrupt) as error:
        broken = error  # what there is is shown and drawn all the same
        if isinstance(error, KeyboardInterrupt):
            notes.print(f"interrupted; what was recorded is in {store.path}", highlight=False, markup=False)
    with watch.share("writing"), console.status("Drawing"):
        results = experiment.results()
        figures = store.write_figures(results.plot())
    if not results.probes.empty:
        show(console, comparison(results))
        for sentence in results.sentences():
            console.print(sentence, highlight=False, markup=False)
    if stopwatch:
        show(console, wall_time(stopwatch.read()))
    console.print(f"{len(figures)} figures in {store.figures}, tables in {store.path}", highlight=False, markup=False)
    if isinstance(broken, KeyboardInterrupt):
        raise typer.Exit(INTERRUPTED)
    if broken:
        raise broken


@app.command()
def sweep(
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write  [default: runs/<scenario>]")] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Points run at a time  [default: one a core]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run all points anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Run a scenario at every point of its `sweep:`; what is done already is not run again."""
    from .grid import Sweep, changed
    from .scenario import read

    wanted = _wanted(changes)
    source = f"{scenario} with {', '.join(wanted)}" if wanted else str(scenario)
    described = Sweep.parse(changed(read(scenario), wanted, source), source)
    store = out or Path("runs") / scenario.stem
    notes = _console(stderr=True, quiet=quiet)
    from . import sweeping
    from .progress import SweepBar

    try:
        with SweepBar(notes) as progress:
            results = sweeping.sweep(described, out=store, jobs=jobs, force=force, progress=progress)
    except KeyboardInterrupt:
        notes.print(f"interrupted; the same command goes on from what is in {store}", highlight=False, markup=False)
        raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        drawn = f", figures in {store / 'figures'}" if any((store / "figures").glob("*.png")) else ""
        print(f"{len(results.table)} rows in {store / 'sweep.parquet'}{drawn}")
    if results.errors:
        points = {point.name: point for point in described.points}
        raise RunError("\n".join(f"{points[name]}: {error}" for name, error in results.errors.items()))


@app.command()
def validate(scenario: ScenarioFile) -> None:
    """Check a scenario file, and import its algorithms. Whether model and data can be had is seen when it is run."""
    from .scenario import Scenario, read

    data, swept = read(scenario), ""
    if isinstance(data, dict) and "sweep" in data:
        from .grid import Sweep

        described = Sweep.parse(data, str(scenario))
        settings = described.scenario
        swept = f"; a sweep of {len(described.points)} points over {', '.join(described.keys)}"
    else:
        settings = Scenario.parse(data, str(scenario))
    arms = ", ".join(settings.arms)
    print(f"{scenario}: valid{swept}; arms {arms}; {settings.repeats} seed(s) from {settings.seed}")


@app.command("list")
def list_(
    topic: Annotated[Topic | None, typer.Argument(help="What to list  [default: everything but distributions]")] = None,
    workers: Annotated[
        int, typer.Option(metavar="M", min=1, max=1024, help="Workers whose topologies' spectral gaps are shown")
    ] = 16,
) -> None:
    """What a scenario can name, with its parameters."""
    from .catalogue import catalogue

    topics = [topic] if topic else [each for each in Topic if each is not Topic.DISTRIBUTIONS]
    for each in topics:
        _console().print(catalogue(each.value, workers))


@app.command()
def plot(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    theory: Annotated[
        bool, typer.Option("--theory", help="Draw the consensus distance that theory predicts, where it does.")
    ] = False,
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Draw this run's arms beside those of the other.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="[default: RUN_DIR/figures, or compared_with_<the other> in there]"),
    ] = None,
) -> None:
    """Draw the figures of a run again, or of two runs side by side."""
    from .results import RunDirectory

    store = RunDirectory(directory)
    results = store.read_recorded()
    if out is not None:
        RunDirectory.refuse_figures(out)
    if compare is not None:
        if theory:
            raise InputError("--theory and --compare: draw the theory of one run at a time")
        _plot_beside(store, results, RunDirectory(compare), out)
        return
    for path in store.write_figures(results.plot(theory=theory), out):
        print(path)
    if theory:
        from .plots.predicted import predictions

        without = [f"{arm} ({reason})" for arm, reason in predictions(results)[1].items()]
        if without:
            print(f"no theory for {', '.join(without)}", file=sys.stderr)


def _plot_beside(store: RunDirectory, results: Results, other: RunDirectory, out: Path | None) -> None:
    """Two runs in one table and in one set of figures."""
    from .pair import told_apart
    from .plots.compared import COMPARED, left_out
    from .report import comparison, show

    second = other.read_recorded()
    pair = results.beside(second, told_apart(store.path, other.path))
    for name, run in zip(pair.names, pair.runs, strict=True):
        if run.manifest["status"] != "complete":
            status = run.manifest["status"]
            print(f"{name}: status '{status}'; what was recorded until then is shown", file=sys.stderr)
    figures, reasons = pair.plot(), left_out(pair)
    for figure in COMPARED:
        if figure not in figures:
            print(f"no figure {figure}: {reasons.get(figure, 'every seed diverged')}", file=sys.stderr)
    if not figures:
        raise InputError(f"{other.path}: has nothing that can be drawn beside {store.path}")
    show(_console(), comparison(pair))
    for path in store.write_figures(figures, out or store.compared_with(pair.names[1])):
        print(path)


@app.command()
def trace(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: RUN_DIR/trace.json]")] = None,
    arm: Annotated[str | None, typer.Option(metavar="ARM", help="This arm alone.")] = None,
) -> None:
    """Write what each worker did as a Chrome trace, for ui.perfetto.dev or chrome://tracing."""
    from .chrome_trace import write
    from .results import RunDirectory

    store = RunDirectory(directory)
    results = store.read()
    arrows = write(results, out or store.trace, arm)
    messages = results.timeline["activity"] == "message"
    if not arrows and messages.any() and results.timeline.loc[messages, "receiver"].isna().all():
        print(f"{directory}: was recorded without the receivers of messages: no arrows", file=sys.stderr)
    print(out or store.trace)


@app.command()
def weights(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    arm: Annotated[
        str | None, typer.Option(metavar="ARM", help="This arm alone  [default: every arm that has such weights]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="[default: the first]")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write both tables: FILE and FILE_sums, .csv or .parquet")
    ] = None,
) -> None:
    """With which weight each gradient entered the final model: runs the clock again, without gradients; draws it."""
    from .frames import write_frames
    from .gradient_weights import NoWeights
    from .results import RunDirectory

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {out}: must end in .csv or .parquet")
    store = RunDirectory(directory)
    results = store.read()
    notes = _console(stderr=True, soft_wrap=True, highlight=False)
    found = {}
    for name in [arm] if arm is not None else results.scenario.arms:
        try:
            found[name] = results.weights(name, seed)
        except NoWeights as error:
            if arm is not None:
                raise
            notes.print(f"left out: {error}", markup=False)
    if not found:
        raise InputError(f"{directory}: no arm has such weights")
    from .plots import draw_weights
    from .report import gradient_weights, show

    show(_console(), gradient_weights(found))
    if out is not None:
        for path, place in ((out, 0), (out.with_stem(f"{out.stem}_sums"), 1)):
            write_frames([each[place] for each in found.values()], path)
            print(path)
    for path in store.write_figures(draw_weights(results, found)):
        print(path)


def _wanted(changes: list[str]) -> dict[str, Any]:
    """The values of `--set` by their keys."""
    import yaml

    from . import yaml12

    wanted: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"--set {change}: must read KEY=VALUE, as in --set workers=16")
        try:
            wanted[key] = yaml12.read(value)
        except yaml.YAMLError:
            raise InputError(f"--set {change}: the value is not valid YAML") from None
    return wanted


def _changed(path: Path, changes: list[str], more: dict[str, Any]) -> Scenario:
    """The scenario in `path` with the values of `--set`."""
    from .scenario import load

    wanted = _wanted(changes) | more
    scenario = load(path)
    return scenario.override(wanted, source=f"{path} with {', '.join(wanted)}") if wanted else scenario


def _console(**options: Any) -> Console:
    from rich.console import Console

    return Console(emoji=False, **options)


def _tell(word: str, error: Exception | None = None) -> None:
    """What went wrong, on the standard error stream."""
    from rich.markup import escape

    text = f"{word} {escape(str(error))}" if error else word
    _console(stderr=True, soft_wrap=True, highlight=False).print(text)


def main() -> None:
    """The `gossim` command. Status 0: done; 1: the run broke down; 2: bad input; 130: interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is asked to end does so as after Ctrl-C
    # Models and algorithms of one's own, `package.module:…`, are looked for where one stands, as `python -m` does.
    sys.path.insert(0, "")
    try:
        app()
    except InputError as error:
        _tell("[bold red]error:[/]", error)
        sys.exit(2)
    except RunError as error:
        _tell("[bold red]failed:[/]", error)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        _tell("[bold]interrupted[/]")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; nothing may be written when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _tell("[bold red]failed:[/]", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
