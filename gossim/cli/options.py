"""Options that several commands share, and how commands print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
"""The exit status that shells use for a process ended by Ctrl-C."""

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]

NoLimits = Annotated[
    bool,
    typer.Option("--no-limits", help="Run even if it seems to need more memory than there is, or days."),
]

Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]

Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Run on a Ray cluster, HOST:PORT or auto."),
]

Changes = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the scenario, e.g. optimizer.momentum=0.9"),
]


def set_values(changes: list[str]) -> dict[str, Any]:
    """Return the values of `--set` by their keys."""
    import yaml

    from ..files import yaml12

    wanted: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"--set {_cut(change)}: must be KEY=VALUE, as in --set workers=16")
        for earlier in wanted:
            if f"{earlier}.".startswith(f"{key}."):
                raise InputError(f"--set {_cut(change)}: overwrites the earlier --set {earlier}=…")
        try:
            wanted[key] = yaml12.read(value)
        except yaml.YAMLError:
            raise InputError(f"--set {_cut(change)}: the value is not valid YAML") from None
        _refuse_comment(f"--set {_cut(change)}", value)
    return wanted


Varied = Annotated[
    list[str],
    typer.Option("--vary", metavar="KEY=V1,V2", help="Run every arm with each of these values, e.g. workers=8,16"),
]


def varied_values(options: list[str], flag: str = "--vary") -> dict[str, list[Any]]:
    """Return the values of an option such as `--vary` by their keys; each is a YAML list without its brackets."""
    import yaml

    from ..files import yaml12

    wanted: dict[str, list[Any]] = {}
    for option in options:
        key, equals, values = option.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"{flag} {_cut(option)}: must be KEY=V1,V2, as in {flag} workers=8,16")
        if key in wanted:
            raise InputError(f"{flag} {_cut(option)}: '{key}' is varied already; give all of its values in one {flag}")
        try:
            wanted[key] = yaml12.read(f"[{values}]")
        except yaml.YAMLError:
            raise InputError(f"{flag} {_cut(option)}: the values must be valid YAML, separated by commas") from None
        if values.rstrip().endswith(","):
            raise InputError(f"{flag} {_cut(option)}: ends with a comma, and no value is after it")
        if not isinstance(wanted[key], list) or not wanted[key] or not values.strip():
            raise InputError(f"{flag} {_cut(option)}: must give at least one value, as in {flag} workers=8,16")
    return wanted


def _refuse_comment(place: str, text: str) -> None:
    """Refuse what YAML leaves out in silence: it reads `run #3` as `run`."""
    import yaml

    end = 0
    for token in yaml.scan(text):
        if "#" in text[end : token.start_mark.index]:
            raise InputError(f"{place}: YAML takes # and what follows for a comment; put the text in quotes")
        end = token.end_mark.index


def _cut(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."


Imports = Annotated[
    bool,
    typer.Option("--import", help="Import your modules that the scenario names, which runs their code."),
]


def permit_imports() -> None:
    """Also look for the user's modules, `package.module:name`, in the working directory."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def say_what_is_read(path: Path, quiet: bool) -> None:
    """Show on a terminal that work has begun, before slow imports."""
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
