"""`gossim plot`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .drawing import Arms, Around, Band, Drawing, For, Formats, LatexFonts, Style, Width, drawing
from .options import Imports, new_console, permit_imports

if TYPE_CHECKING:
    from ..results import Results
    from ..tables.run_data import RunData
    from ..tables.run_directory import RunDirectory


def plot(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory or a sweep directory.")],
    theory: Annotated[
        bool, typer.Option("--theory", help="Also draw the predicted consensus distance, where theory has one.")
    ] = False,
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Draw the arms of both runs in the same figures.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="[default: RUN_DIR/figures; with --compare, compared_with_<other> in it]"),
    ] = None,
    formats: Formats = "png,svg",
    style: For = Style.talk,
    width: Width = None,
    band: Around = Band.range,
    arms: Arms = [],  # noqa: B006 (typer reads it and never changes it)
    latex_fonts: LatexFonts = False,
    imports: Imports = False,
) -> None:
    """Draw the figures of a run, of two runs or of a sweep.

    Those of a sweep have the curves of all its points.
    """
    from ..results import Results
    from ..tables.run_directory import RunDirectory

    if theory and compare is not None:
        raise InputError("--theory and --compare: draw the theory of one run at a time")
    if arms and compare is not None:
        raise InputError("--arms and --compare: choose the arms of one run at a time")
    how = drawing(formats, style, width, band, latex_fonts)
    if imports:
        permit_imports()
    if (directory / "sweep.yaml").is_file():
        if theory or compare is not None:
            raise InputError(f"{directory}: is a sweep; --theory and --compare are for a run, as of one of its points")
        _plot_points(directory, arms, how, out)
        return
    store = RunDirectory(directory)
    store.manifest()  # reports a directory that is not a run's
    if out is not None:
        RunDirectory.refuse_figures(out)
    with store.reserved(create=False) if out is None else nullcontext():
        results = Results.of(store.read_recorded(imports))
        if compare is None:
            _plot(store, _some(results, arms), theory, how, out)
        else:
            _plot_beside(store, results, RunDirectory(compare), how, out)


def _some(results: RunData, arms: list[str]) -> RunData:
    """Return the requested arms, or all of them by default."""
    from ..analysis.some_arms import SomeArms, chosen_arms

    return SomeArms.of(results, chosen_arms(arms, results.scenario.arms)) if arms else results


def _plot_points(directory: Path, arms: list[str], how: Drawing, out: Path | None) -> None:
    """Draw the curves of the points of a sweep."""
    from ..plots import FIGURES, draw
    from ..plots.comparable import COMPARED
    from ..plots.figure_files import write_figures
    from ..runner.sweep_directory import points_together

    home = directory / "figures"
    results = points_together(directory)
    figures = draw(_some(results, arms), False, how.width, how.look, names=[n for n in COMPARED if n in FIGURES])
    if not figures:
        raise InputError(f"{directory}: has nothing that can be drawn")
    for path in write_figures(figures, out or home / "curves", home, how.formats, how.look):
        print(path)


def _plot(store: RunDirectory, results: RunData, theory: bool, how: Drawing, out: Path | None) -> None:
    """Draw the figures of one run."""
    from ..plots import draw
    from ..plots.figure_files import write_figures

    without = {}
    if theory:
        from ..plots.predicted import predictions

        without = predictions(results)[1]
    figures = draw(results, theory, how.width, how.look)
    for path in write_figures(figures, out or store.figures, store.figures, how.formats, how.look):
        print(path)
    if without:
        told = ", ".join(f"{arm} ({reason})" for arm, reason in without.items())
        print(f"no theory for {told}", file=sys.stderr)


def _plot_beside(store: RunDirectory, results: Results, other: RunDirectory, how: Drawing, out: Path | None) -> None:
    """Show two runs in one table and one set of figures."""
    from ..analysis.side_by_side import told_apart
    from ..plots import draw_pair
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
    figures, reasons = draw_pair(pair, how.width, how.look), left_out(pair)
    for figure in COMPARED:
        if figure not in figures and (figure != "metrics" or asked_for(pair)):
            print(f"no figure {figure}: {reasons.get(figure, 'every seed diverged')}", file=sys.stderr)
    if not figures:
        raise InputError(f"{other.path}: has nothing that can be drawn beside {store.path}")
    show(new_console(), comparison(pair))
    for path in write_figures(figures, out or store.compared_with(pair.names[1]), store.figures, how.formats, how.look):
        print(path)
