"""A message: what one node sends to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .traffic import Exchange


@dataclass(eq=False, slots=True)
class Message:
    """Snapshots of rows on their way, of the sender's parameters or whatever else, with the weight α that travels in it
    (None without weights)."""

    sender: int
    receiver: int
    rows: tuple[int, ...]
    alpha: Any
    sent: int  # by the clock, in ticks
    round: int | None  # of the sender, where it matters
    exchange: Exchange | None = None  # where it is counted, once it is sent
    sent_steps: int | None = None  # gradient steps of all workers together by then, once they are reckoned

    @property
    def row(self) -> int:
        """The first row, or the only one."""
        return self.rows[0]
