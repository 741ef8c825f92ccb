"""`gossim weights`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .options import Imports, new_console, permit_imports

if TYPE_CHECKING:
    from ..results import Results
    from ..tables.run_directory import RunDirectory


def weights(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    arm: Annotated[
        str | None, typer.Option(metavar="ARM", help="Only this arm  [default: every arm that has such weights]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="[default: the first]")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write two tables, FILE and FILE_sums, as .csv or .parquet")
    ] = None,
    imports: Imports = False,
) -> None:
    """Compute how much each gradient counts in the final model.

    Simulates the time again, without gradients, prints the sums of the weights and draws them.
    """
    from ..results import Results
    from ..tables.run_directory import RunDirectory

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {out}: must end in .csv or .parquet")
    if imports:
        permit_imports()
    store = RunDirectory(directory)
    store.manifest()  # reports a directory that is not a run's
    for path in () if out is None else (out, out.with_stem(f"{out.stem}_sums")):
        RunDirectory.refuse_own_file(path)
    with store.reserved(create=False):
        _weights(store, Results.of(store.read(imports)), arm, seed, out)


def _weights(store: RunDirectory, results: Results, arm: str | None, seed: int | None, out: Path | None) -> None:
    from ..analysis.tape import NoWeights
    from ..tables.frames import write_frames

    notes = new_console(stderr=True, soft_wrap=True, highlight=False)
    found = {}
    for name in [arm] if arm is not None else results.scenario.arms:
        try:
            found[name] = results.weights(name, seed)
        except NoWeights as error:
            if arm is not None:
                raise
            notes.print(f"left out: {error}", markup=False)
    if not found:
        raise InputError(f"{store.path}: no arm has such weights")
    from ..plots import draw_weights
    from ..plots.figure_files import write_figures
    from .tables import show, weights_table

    show(new_console(), weights_table(found))
    if out is not None:
        for path, place in ((out, 0), (out.with_stem(f"{out.stem}_sums"), 1)):
            write_frames([each[place] for each in found.values()], path)
            print(path)
    for path in write_figures(draw_weights(results, found), store.figures, home=store.figures):
        print(path)
