"""Names and titles as text on figures: no formula, no control characters, in lines that fit."""

from __future__ import annotations

import re
import textwrap
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters and what else no XML may hold."""

LONGEST = 400
"""Characters of a name that are shown; of a longer one, its two ends."""

HIDDEN = "_"
"""With this begins a label that matplotlib leaves out of legends."""

SHOWN = "\u2060"
"""A word joiner, which has no width: before HIDDEN, it keeps the label in."""


def as_text(name: str) -> str:
    """Return `name` with everything removed that matplotlib reads as a formula or that an SVG cannot contain."""
    return drawable(name).replace("$", r"\$")


def drawable(text: str) -> str:
    """Return `text` with control characters replaced; line breaks stay."""
    return UNPRINTABLE.sub("\ufffd", text.replace("\t", " "))


def as_label(name: str) -> str:
    """Return `as_text(name)` as a label that legends show whatever its first character; `from_label` undoes it."""
    text = as_text(name)
    return SHOWN + text if text.startswith(HIDDEN) else text


def from_label(label: str) -> str:
    """Return what a legend shows for a label."""
    return label.removeprefix(SHOWN)


def shortened(text: str) -> str:
    """Return `text`, or its two ends around an ellipsis if it is longer than LONGEST."""
    if len(text) <= LONGEST:
        return text
    kept = (LONGEST - 3) // 2
    return f"{text[:kept]} … {text[-kept:]}"


def wrapped(text: str, width: float, font: FontProperties) -> str:
    """Wrap `text` into lines of at most `width` points in `font`: between words, and within words that are wider than a
    line.

    A formula is not broken, nor text that fits.
    """
    return "\n".join(_wrapped_line(line, width, font) for line in text.split("\n"))


def _wrapped_line(line: str, width: float, font: FontProperties) -> str:
    size, words = font.get_size_in_points(), _words(line)
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if not lines[-1] or _width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
        if _width(lines[-1], size) > width and "$" not in lines[-1].replace(r"\$", ""):
            lines[-1:] = _broken(lines[-1], width, size)
    return line if len(lines) == 1 else "\n".join(lines)


def _words(line: str) -> list[str]:
    """Split a line into words. A formula between two unescaped dollars, with what touches it, is one word."""
    return re.findall(r"(?:(?<!\\)\$(?:[^$\\]|\\.)*\$|\S)+", line)


def _broken(word: str, width: float, size: float) -> list[str]:
    """Split a word into pieces at most `width` wide."""
    characters = max(1, int(len(word) * width / _width(word, size)))
    while characters > 1:
        pieces = textwrap.wrap(word, characters, break_on_hyphens=False)
        if all(_width(piece, size) <= width for piece in pieces):
            break
        characters -= 1
    return textwrap.wrap(word, max(characters, 1), break_on_hyphens=False)


@lru_cache(maxsize=10_000)
def _width(text: str, size: float) -> float:
    formula = "$" in text.replace(r"\$", "")
    shown = text if formula else text.replace(r"\$", "$")
    measured = text_to_path.get_text_width_height_descent(shown, FontProperties(size=size), ismath=formula)
    return float(measured[0]) * 1.03  # as hinted, letters may be a little wider
