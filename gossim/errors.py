"""Errors that the user can fix, in words: what, where, which rule, which name was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A user's input cannot be used. The command line prints it as one block and exits with status 2."""


class ScenarioError(InputError):
    """A scenario breaks a rule. Each problem reads `path.to.key = value: rule`."""

    def __init__(self, source: str, problems: list[str]):
        self.source = source
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]))


class RunError(RuntimeError):
    """A run failed. The command line prints it and exits with status 1."""


class FiguresFailed(RunError):
    """The figures of a run cannot be written. Its tables are complete."""

    def __init__(self, reason: object):
        super().__init__(f"the figures cannot be written: {reason}; the tables are whole, and `gossim plot` draws them")


class Diverged(RunError):
    """The parameters or the losses are no longer finite numbers."""

    def __init__(self, time_s: float, gradient_steps: int):
        self.time_s = time_s
        self.gradient_steps = gradient_steps
        super().__init__(f"diverged: no longer finite at {time_s:g} s, after {gradient_steps} gradient steps")


def told(error: BaseException) -> str:
    """Return an error of other code on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def printable(text: str) -> str:
    """Return `text` with control characters, which a terminal would obey, as Python writes them, `\\x1b`."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


MANY = 20
"""Names that are too many for a line."""


def nearest(name: object, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest valid name, else `; valid: a, b, c` unless there are too many."""
    names = sorted(valid)
    close = difflib.get_close_matches(str(name)[:100], names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    if len(names) > MANY:
        return f"; `gossim list` shows the {len(names)} valid ones"
    return f"; valid: {', '.join(names)}" if names else ""
