"""What several commands take, and how they print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
"""The status of a process that Ctrl-C ended, as shells have it."""

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]

NoLimits = Annotated[
    bool,
    typer.Option("--no-limits", help="Run it whatever it takes: more memory than there is, days of work."),
]

Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]

Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Run on a Ray cluster: its address, or auto for the one here, or a new one."),
]

Changes = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. --set optimizer.momentum=0.9"),
]


def set_values(changes: list[str]) -> dict[str, Any]:
    """The values of `--set` by their keys."""
    import yaml

    from ..files import yaml12

    wanted: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"--set {_cut(change)}: must read KEY=VALUE, as in --set workers=16")
        for earlier in wanted:
            if f"{earlier}.".startswith(f"{key}."):
                raise InputError(f"--set {_cut(change)}: replaces --set {earlier}=…, which stands before it")
        try:
            wanted[key] = yaml12.read(value)
        except yaml.YAMLError:
            raise InputError(f"--set {_cut(change)}: the value is not valid YAML") from None
    return wanted


Varied = Annotated[
    list[str],
    typer.Option("--vary", metavar="KEY=V1,V2", help="Run every arm once for each of these values"),
]


def varied_values(options: list[str], flag: str = "--vary") -> dict[str, list[Any]]:
    """The values of an option such as `--vary` by their keys, each text a list in YAML without its brackets."""
    import yaml

    from ..files import yaml12

    wanted: dict[str, list[Any]] = {}
    for option in options:
        key, equals, values = option.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"{flag} {_cut(option)}: must read KEY=V1,V2, as in {flag} workers=8,16")
        if key in wanted:
            raise InputError(f"{flag} {_cut(option)}: '{key}' is varied already; give all of its values in one {flag}")
        try:
            wanted[key] = yaml12.read(f"[{values}]")
        except yaml.YAMLError:
            raise InputError(f"{flag} {_cut(option)}: the values are not valid YAML, separated by commas") from None
        if not isinstance(wanted[key], list) or not wanted[key] or not values.strip():
            raise InputError(f"{flag} {_cut(option)}: must give at least one value, as in {flag} workers=8,16")
    return wanted


def _cut(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."


Imports = Annotated[
    bool,
    typer.Option("--import", help="Import the modules of the user's own that the scenario names: it runs their code."),
]


def permit_imports() -> None:
    """Algorithms and models of the user's own, `package.module:name`, are looked for in the working directory too."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def say_what_is_read(path: Path, quiet: bool) -> None:
    """Show on a terminal that something is done, before anything is imported that takes time."""
    if not quiet and sys.stderr.isatty():
        print(f"reading {path}", file=sys.stderr, flush=True)


def show_warnings(warnings: list[str], quiet: bool = False) -> None:
    """Print them on the standard error stream."""
    console = new_console(stderr=True, quiet=quiet, soft_wrap=True)
    for warning in warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False)


def new_console(**options: Any) -> Console:
    from rich.console import Console

    return Console(emoji=False, **options)
