"""`gossim trace`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from .options import Imports, permit_imports


def trace(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: RUN_DIR/trace.json]")] = None,
    arm: Annotated[str | None, typer.Option(metavar="ARM", help="Only this arm.")] = None,
    imports: Imports = False,
) -> None:
    """Write what each worker did as a Chrome trace.

    Open it with ui.perfetto.dev or chrome://tracing.
    """
    from ..analysis.chrome_trace import write_trace
    from ..tables.run_directory import RunDirectory

    if imports:
        permit_imports()
    store = RunDirectory(directory)
    store.manifest()  # reports a directory that is not a run's
    if out is not None:
        RunDirectory.refuse_own_file(out)
    with store.reserved(create=False) if out is None else nullcontext():
        results = store.read(imports)
        arrows = write_trace(results, out or store.trace, arm)
    messages = results.timeline[results.timeline["activity"] == "message"]
    if not arrows and len(messages) and messages[["receiver", "size_bytes"]].isna().all(axis=None):
        print(f"{directory}: was recorded without the receivers of messages: no arrows", file=sys.stderr)
    print(out or store.trace)
