"""`gossim report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError


def report(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: RUN_DIR/report.html]")] = None,
) -> None:
    """Write one HTML page with table, curves and an animation.

    It can be opened without a network.
    """
    from ..results import Results
    from ..tables.run_directory import RunDirectory

    store = RunDirectory(directory)
    store.manifest()  # reports a directory that is not a run's
    if out is not None:
        RunDirectory.refuse_own_file(out)
        if out.is_dir():
            raise InputError(f"--out {out}: is a directory; name a file")
        Results.of(store.read_recorded()).report(out)
    else:
        with store.reserved(create=False):
            Results.of(store.read_recorded()).report(store.report)
    print(out or store.report)
