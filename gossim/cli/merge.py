"""`gossim merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Imports, Quiet, permit_imports
from .sweep import show_sweep


def merge(
    directories: Annotated[
        list[Path],
        typer.Argument(metavar="SWEEP_DIR…", help="Directories of all parts, by gossim sweep --part."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The sweep directory to write.")],
    imports: Imports = False,
    quiet: Quiet = False,
) -> None:
    """Join the parts of a sweep.

    The result has the table and the figures of one sweep of all points.
    """
    if imports:
        permit_imports()
    from ..runner.merge import merge as merging

    show_sweep(merging(directories, out, imports), out, quiet)
