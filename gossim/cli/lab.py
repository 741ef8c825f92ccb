"""`gossim lab`."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Changes, Quiet, ScenarioFile, permit_imports, set_values, show_warnings


def lab(
    scenario: ScenarioFile,
    changes: Changes = [],  # noqa: B006 (typer reads it and never changes it)
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 takes any that is free.")] = 5006,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show a scenario in the browser with sliders, and redraw its figures as they move.

    Each move runs a smaller version of the scenario. The page is served to this machine alone. Needs the extra `lab`.
    """
    permit_imports()
    from ..interactive.page import library, serve
    from ..scenario.scenario import load

    library()
    settings = load(scenario)
    if wanted := set_values(changes):
        settings = settings.override(wanted, source=f"{scenario} with {', '.join(wanted)}")
    show_warnings(settings.warnings, quiet)
    serve(settings, port, opened=not no_open)
