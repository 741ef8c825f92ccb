"""A message: what one node sends to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .traffic import Exchange


class After(NamedTuple):
    """The gradient steps that come before an instant: those that ended with work by `tick`, and `early` others."""

    tick: int
    early: int


NOTHING_YET = After(-1, 0)


@dataclass(eq=False, slots=True)
class Message:
    """Copies of rows in flight, of the sender's parameters or anything else, with the weight α that travels with them
    (None without weights).
    """

    sender: int
    receiver: int
    rows: tuple[int, ...]
    alpha: Any
    sent: int  # by the clock, in ticks
    round: int | None  # of the sender, where it matters
    exchange: Exchange | None = None  # where it is counted, once it is sent
    after: After = NOTHING_YET  # what had been taken before it was sent
    sent_steps: int | None = None  # gradient steps of all workers together by then, once they are reckoned
    version: int | None = (
        None  # of a server's parameters, where it matters: those sent, or those a gradient was taken at
    )

    note: Any = None  # plain values that the algorithm sends along, of no size

    @property
    def row(self) -> int:
        """The first row, or the only one."""
        return self.rows[0]
