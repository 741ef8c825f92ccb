"""The options of `gossim plot` that say how its figures look."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import InputError, nearest

if TYPE_CHECKING:
    from ..plots.style import Look

NARROWEST, WIDEST = 3.0, 40.0
"""Inches."""

PRINTED = 300
"""Dots an inch on paper."""


class Style(StrEnum):
    """The audience of figures."""

    paper = "paper"
    talk = "talk"


class Band(StrEnum):
    """What is drawn around the mean over seeds."""

    range = "range"
    sem = "sem"
    ci95 = "ci95"


Formats = Annotated[str, typer.Option("--format", metavar="pdf,svg,png", help="File formats, separated by commas.")]
For = Annotated[
    Style,
    typer.Option("--style", help="talk: for the back row; paper: 3.3 inches wide, no title, which is the caption's."),
]
Width = Annotated[
    float | None, typer.Option(metavar="INCHES", help="The width of each figure, with texts in proportion.")
]
Around = Annotated[
    Band,
    typer.Option(
        help="Around the mean over seeds: range (lowest to highest), sem (± standard error), ci95 (interval)."
    ),
]
Arms = Annotated[list[str], typer.Option("--arms", metavar="A,B", help="These arms alone, separated by commas.")]
LatexFonts = Annotated[
    bool, typer.Option("--latex-fonts", help="Letters with serifs: Latin Modern if installed, else STIX.")
]


class Drawing(NamedTuple):
    """How figures are drawn and written; with a `width` of None, each has the one that suits it."""

    formats: list[str]
    width: float | None
    look: Look


def drawing(formats: str, style: Style, width: float | None, band: Band, latex: bool) -> Drawing:
    """Read these options. Raises InputError."""
    from ..plots.figure_files import EVERY_FORMAT
    from ..plots.style import COLUMN_INCHES, Look

    wanted = list(dict.fromkeys(formats.split(",")))
    for each in wanted:
        if each not in EVERY_FORMAT:
            raise InputError(f"--format {formats}: unknown format '{each}'{nearest(each, EVERY_FORMAT)}")
    if width is not None and not NARROWEST <= width <= WIDEST:
        raise InputError(f"--width {width:g}: must be a number of inches from {NARROWEST:g} to {WIDEST:g}")
    if style is Style.talk:
        return Drawing(wanted, width, Look(band.value, latex=latex))
    look = Look(band.value, titled=False, latex=latex, dots_per_inch=PRINTED)
    return Drawing(wanted, COLUMN_INCHES if width is None else width, look)
