"""Figures as files: PNG, SVG and PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ..files.atomic import whole
from ..files.guards import refuse_links, usable
from .fitting import NO_LAYOUT, named_in
from .style import Look, style

FORMATS = ("png", "svg")
"""Those of a run."""

EVERY_FORMAT = ("png", "svg", "pdf")

MOST_PIXELS = 4000
"""The longer side of a PNG: of a very large figure, fewer dots an inch."""


def write_figures(
    figures: Mapping[str, Figure],
    folder: Path,
    home: Path,
    formats: Sequence[str] = FORMATS,
    look: Look | None = None,
) -> list[Path]:
    """Write each figure in each of the formats.

    Args:
        figures: The figures by the name of their files.
        folder: Where they go. It is made if it is not there.
        home: The `figures` folder of a run or a sweep, in which nothing is written through a symbolic link.
        formats: Some of EVERY_FORMAT.
        look: What the figures were drawn for.

    Returns:
        The paths of the files.

    Raises:
        InputError: Where they cannot be written.
    """
    written = []
    with usable(folder):
        if folder == home or home in folder.parents:
            refuse_links(home, folder)
        folder.mkdir(parents=folder != home, exist_ok=True)
        for name, figure in figures.items():
            for suffix in formats:
                path = folder / f"{name}.{suffix}"
                with whole(path) as draft:
                    save(figure, draft, look)
                written.append(path)
    return written


def save(figure: Figure, path: Path, look: Look | None = None) -> None:
    """Write `figure` in the format that the path's ending names; the same figure gives the same bytes."""
    about: dict[str, Any] = {}
    if path.suffix == ".svg":  # in which letters are shapes, and names would else be no text
        headline, names = named_in(figure)
        about = {"Date": None, "Title": headline, "Keywords": names}
    if path.suffix == ".pdf":
        about = {"Title": named_in(figure)[0], "CreationDate": None}
    with style(look=look), mpl.rc_context(NO_LAYOUT):
        dpi = min(mpl.rcParams["savefig.dpi"], MOST_PIXELS / max(figure.get_size_inches()))
        figure.savefig(path, metadata=about, dpi=dpi)
