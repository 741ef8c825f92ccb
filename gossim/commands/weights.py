"""`gossim weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .shared import new_console


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
    from ..frames import write_frames
    from ..gradient_weights import NoWeights
    from ..results import RunDirectory

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise InputError(f"--out {out}: must end in .csv or .parquet")
    store = RunDirectory(directory)
    results = store.read()
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
        raise InputError(f"{directory}: no arm has such weights")
    from ..plots import draw_weights
    from ..report import gradient_weights, show

    show(new_console(), gradient_weights(found))
    if out is not None:
        for path, place in ((out, 0), (out.with_stem(f"{out.stem}_sums"), 1)):
            write_frames([each[place] for each in found.values()], path)
            print(path)
    for path in store.write_figures(draw_weights(results, found)):
        print(path)
