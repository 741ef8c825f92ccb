"""The table of a run for a paper, in LaTeX."""

from __future__ import annotations

import re

import pandas as pd

from .shown_table import ShownTable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex(table: ShownTable) -> str:
    """Return the table with the rules of the package booktabs: one row per arm, mean ± standard error in a cell."""
    headings = ["arm", *(_text(" ".join(heading.split("\n"))) for heading in table.headings)]
    rows = [[_text(" ".join(label.split("\n"))), *map(_cell, cells)] for label, cells in table.rows]
    frame = pd.DataFrame(rows, columns=range(len(headings)))
    written: str = frame.to_latex(
        header=headings, index=False, escape=False, column_format="l" + "r" * len(table.headings)
    )
    return written


def _cell(text: str) -> str:
    """Return a mean and its standard error as a formula; what is not a number is text."""
    mean, plus_minus, error = text.partition("\n±")
    numbers = [each.replace(",", "{,}") for each in (mean, error)]
    if not re.fullmatch(r"-?[\d.,]+(e[-+]\d+)?", mean):
        return _text(" ".join(text.split("\n")))
    return f"${numbers[0]} \\pm {numbers[1]}$" if plus_minus else f"${numbers[0]}$"


def _text(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
