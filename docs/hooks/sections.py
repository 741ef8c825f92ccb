"""Sections of README.md and CHANGELOG.md on pages of the site, so that no sentence is kept in two places.

`<!-- from README.md: Sweeps -->` stands for what is below that heading, `<!-- from CHANGELOG.md -->` for a whole file
without its title.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"^<!-- from (.+) -->$", re.MULTILINE)
OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|docs/)([^)\s]+)\)")
HEADING = re.compile(r"^##? (.+)\n", re.MULTILINE)


def section(place: str) -> str:
    """What is below that heading, for `FILE: HEADING`, or below the title, for `FILE`. Raises KeyError."""
    name, _, heading = place.partition(": ")
    text = (ROOT / name).read_text(encoding="utf-8")
    if not heading:
        return moved(text.partition("\n")[2])
    _, *parts = HEADING.split(text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    if heading not in sections:
        raise KeyError(f"{name} has no section '{heading}'; it has {', '.join(sections)}")
    return moved(sections[heading])


def moved(text: str) -> str:
    """Links as they are right in docs/; files outside of it are no part of the site, and are named instead."""

    def named(link: re.Match) -> str:
        told, path = link.groups()
        return f"`{path}`" if told.strip("`") == path else f"{told} (`{path}`)"

    return OUTSIDE.sub(named, text).replace("](docs/", "](")


def on_page_markdown(markdown: str, **_: object) -> str:
    return PLACE.sub(lambda place: section(place[1]), markdown)
