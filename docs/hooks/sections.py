"""CHANGELOG.md as a page of the site, so that no sentence is kept in two places.

`<!-- from CHANGELOG.md -->` stands for the whole file without its title.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"^<!-- from (.+) -->$", re.MULTILINE)
OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|docs/)([^)\s]+)\)")


def body(place: str) -> str:
    """Return the text of the file `place` below its title."""
    text = (ROOT / place).read_text(encoding="utf-8")
    return moved(text.partition("\n")[2])


def moved(text: str) -> str:
    """Make links relative to docs/. Files outside of docs/ are not on the site: links to them become their names."""

    def named(link: re.Match) -> str:
        label, path = link.groups()
        return f"`{path}`" if label.strip("`") == path else f"{label} (`{path}`)"

    return OUTSIDE.sub(named, text).replace("](docs/", "](")


def on_page_markdown(markdown: str, **_: object) -> str:
    return PLACE.sub(lambda place: body(place[1]), markdown)
