"""`gossim trace`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def trace(
    directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="[default: RUN_DIR/trace.json]")] = None,
    arm: Annotated[str | None, typer.Option(metavar="ARM", help="This arm alone.")] = None,
) -> None:
    """Write what each worker did as a Chrome trace, for ui.perfetto.dev or chrome://tracing."""
    from ..chrome_trace import write
    from ..results import RunDirectory

    store = RunDirectory(directory)
    results = store.read()
    arrows = write(results, out or store.trace, arm)
    messages = results.timeline["activity"] == "message"
    if not arrows and messages.any() and results.timeline.loc[messages, "receiver"].isna().all():
        print(f"{directory}: was recorded without the receivers of messages: no arrows", file=sys.stderr)
    print(out or store.trace)
