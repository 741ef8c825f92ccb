"""Errors that are the user's to mend, told in words: what, where, which rule, which name was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used. The command line prints it as one block and exits with status 2."""


class ScenarioError(InputError):
    """A scenario breaks a rule. Each problem reads `path.to.key = value: rule`."""

    def __init__(self, source: str, problems: list[str]):
        self.source = source
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]))


class RunError(RuntimeError):
    """A run could not be carried to its end. The command line prints it and exits with status 1."""


def nearest(name: object, valid: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest valid name, else `; valid: a, b, c`."""
    names = sorted(valid)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; valid: {', '.join(names)}" if names else ""
