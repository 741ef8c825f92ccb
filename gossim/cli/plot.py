"""`gossim plot`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .options import Imports, new_console, permit_imports

if TYPE_CHECKING:
    from ..results import Results
    from ..tables.run_directory import RunDirectory


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
    imports: Imports = False,
) -> None:
    """Draw the figures of a run again, or of two runs side by side."""
    from ..results import Results
    from ..tables.run_directory import RunDirectory

    if theory and compare is not None:
        raise InputError("--theory and --compare: draw the theory of one run at a time")
    if imports:
        permit_imports()
    store = RunDirectory(directory)
    store.manifest()  # reports a directory that is not a run's
    if out is not None:
        RunDirectory.refuse_figures(out)
    with store.reserved(create=False) if out is None else nullcontext():
        results = Results.of(store.read_recorded(imports))
        if compare is None:
            _plot(store, results, theory, out)
        else:
            _plot_beside(store, results, RunDirectory(compare), out)


def _plot(store: RunDirectory, results: Results, theory: bool, out: Path | None) -> None:
    """One run."""
    from ..plots.figure_files import write_figures

    without = {}
    if theory:
        from ..plots.predicted import predictions

        without = predictions(results)[1]
    for path in write_figures(results.plot(theory=theory), out or store.figures, home=store.figures):
        print(path)
    if without:
        told = ", ".join(f"{arm} ({reason})" for arm, reason in without.items())
        print(f"no theory for {told}", file=sys.stderr)


def _plot_beside(store: RunDirectory, results: Results, other: RunDirectory, out: Path | None) -> None:
    """Two runs in one table and in one set of figures."""
    from ..analysis.side_by_side import told_apart
    from ..plots.comparable import COMPARED, left_out
    from ..plots.figure_files import write_figures
    from ..plots.metrics import asked_for
    from .tables import comparison, show

    second = other.read_recorded()
    pair = results.beside(second, told_apart(store.path, other.path))
    for name, run in zip(pair.names, pair.runs, strict=True):
        if run.manifest["status"] != "complete":
            status = run.manifest["status"]
            print(f"{name}: status '{status}'; what was recorded until then is shown", file=sys.stderr)
    figures, reasons = pair.plot(), left_out(pair)
    for figure in COMPARED:
        if figure not in figures and (figure != "metrics" or asked_for(pair)):
            print(f"no figure {figure}: {reasons.get(figure, 'every seed diverged')}", file=sys.stderr)
    if not figures:
        raise InputError(f"{other.path}: has nothing that can be drawn beside {store.path}")
    show(new_console(), comparison(pair))
    for path in write_figures(figures, out or store.compared_with(pair.names[1]), home=store.figures):
        print(path)
