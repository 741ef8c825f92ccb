"""A node of the network: parameters, and messages with copies of rows."""

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

    `drafts` are the other rows that its process holds; they are lost with it. `round` counts what it does in step
    with others; nodes that wait for it see it change.

    Values that most of a million workers never change are attributes of the class.
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
        """The number of its round, if it works in step with others."""
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
        """What it has taken from the mailbox and not used up yet."""
        return {}

    def draft(self, row: int | None = None) -> int:
        """Return a new row.

        Args:
            row: A row whose content it copies; by default the new row is zero.
        """
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
        """Set a row to a linear combination: `out` ← Σ coefficient · row.

        Args:
            out: The row to set.
            *terms: Pairs `(coefficient, row)`. `out` may be one of the rows.
        """
        self.context.program.combine(out, terms)

    def apply(self, out: int, function: tuple[Any, ...], rows: Sequence[int]) -> None:
        """Set a row to a function of rows that is not linear: `out` ← f(rows). See `gossim.program.Apply`."""
        self.context.program.apply(out, function, rows)

    def pack(
        self,
        receiver: int,
        *rows: int,
        alpha: Any = None,
        round: int | None = None,
        version: int | None = None,
        note: Any = None,
    ) -> Message:
        """Return a message with copies of rows as they are now.

        Args:
            receiver: The number of the node that it goes to.
            *rows: The rows to copy.
            alpha: The weight that travels with them.
            round: The round that it belongs to, if the receiver waits for rounds.
            version: That of the server's parameters which it brings or comes from, if the receiver asks for it.
            note: Plain values, of no size.
        """
        context = self.context
        copies = tuple(context.program.copy(row) for row in rows)
        return Message(self.index, receiver, copies, alpha, context.clock.now, round, version=version, note=note)

    def use_up(self, message: Message) -> None:
        """Free the rows of a message whose content is in."""
        self.in_hand.pop(message, None)
        for row in message.rows:
            self.context.program.rows.release(row)
        self.context.network.merged(message)

    def discard(self, message: Message) -> None:
        """Discard a message. Its content is counted as lost."""
        self.in_hand.pop(message, None)
        self.context.network.lose(message)
