"""A node of the network: somebody with parameters, who packs copies of rows into messages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..program import INITIAL_ROW
from .context import Context
from .message import Message
from .peers import Peers


class Node:
    """A worker or a server: its parameters (`row`) and its number on the network (`index`).

    `drafts` are rows that its process holds besides: they are lost with it. `round` counts what it does in step with
    others, and those that wait for it see that it changes.

    What most of a million workers never change stands once, in the class.
    """

    up, gone = True, False  # gone: down for good
    takes_part = True  # not while it is down or on its way back
    _round = 0

    def __init__(self, context: Context, index: int, peers: Peers):
        self.context = context
        self.peers = peers
        self.index = index
        self.row = context.program.copy(INITIAL_ROW)

    @property
    def now_s(self) -> float:
        """The simulated time, in seconds."""
        return self.context.clock.now_s

    @property
    def round(self) -> int:
        """The number of its round, where it works in step with others."""
        return self._round

    @round.setter
    def round(self, number: int) -> None:
        self._round = number
        self.context.watches.changed(self.index)

    # Dictionaries and not sets, for their order; made when something is put into them.

    @cached_property
    def drafts(self) -> dict[int, None]:
        return {}

    @cached_property
    def in_hand(self) -> dict[Message, None]:
        """What it has taken from the mailbox, and not used up yet."""
        return {}

    def draft(self, row: int | None = None) -> int:
        """Return a new row with what `row` holds now, or zeros."""
        program = self.context.program
        if row is None:
            new = program.rows.allocate()
            program.combine(new, [])
        else:
            new = program.copy(row)
        self.drafts[new] = None
        return new

    def drop(self, row: int) -> None:
        """Give up a row that is no longer needed."""
        self.drafts.pop(row, None)
        self.context.program.rows.release(row)

    def combine(self, out: int, *terms: tuple[float, int]) -> None:
        """Row `out` ← Σ coefficient · row."""
        self.context.program.combine(out, terms)

    def apply(self, out: int, function: tuple[Any, ...], rows: Sequence[int]) -> None:
        """Row `out` ← f(rows), for a function that is not linear: see `gossim.program.Apply`."""
        self.context.program.apply(out, function, rows)

    def pack(self, receiver: int, *rows: int, alpha: Any = None, round: int | None = None) -> Message:
        """Return a message to `receiver` with copies of these rows as they are now."""
        context = self.context
        copies = tuple(context.program.copy(row) for row in rows)
        return Message(self.index, receiver, copies, alpha, context.clock.now, round)

    def use_up(self, message: Message) -> None:
        """What `message` brought is in, and its rows are free."""
        self.in_hand.pop(message, None)
        for row in message.rows:
            self.context.program.rows.release(row)
        self.context.network.merged(message)

    def discard(self, message: Message) -> None:
        """Throw `message` away: what it brought is lost."""
        self.in_hand.pop(message, None)
        self.context.network.lose(message)
