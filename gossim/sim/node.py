"""Who is on the network: somebody with parameters, who packs copies of rows into messages."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..program import INITIAL_ROW
from .message import Message

if TYPE_CHECKING:
    from .world import World


class Node:
    """A worker or a server: its parameters (`row`) and its number on the network.

    `drafts` are rows that its process holds besides: they are lost with it. `round` counts what it does in step with
    others, and those who wait for it see that it changes.

    What most of a million workers never change stands once, in the class.
    """

    up, gone = True, False  # gone: down for good
    takes_part = True  # not while it is down or on its way back
    _round = 0

    def __init__(self, world: World, index: int):
        self.world = world
        self.index = index
        self.row = world.program.copy(INITIAL_ROW)

    @property
    def round(self) -> int:
        """Of what it does in step with others."""
        return self._round

    @round.setter
    def round(self, number: int) -> None:
        self._round = number
        self.world.watches.changed(self.index)

    # Dictionaries and not sets, for their order; made when something is put into them.

    @cached_property
    def drafts(self) -> dict[int, None]:
        return {}

    @cached_property
    def in_hand(self) -> dict[Message, None]:
        """What it has taken from the mailbox, and not used up yet."""
        return {}

    def draft(self, row: int | None = None) -> int:
        """A new row with what `row` holds now, or zeros."""
        program = self.world.program
        if row is None:
            new = program.rows.allocate()
            program.combine(new, [])
        else:
            new = program.copy(row)
        self.drafts[new] = None
        return new

    def drop(self, row: int) -> None:
        """Give up a row that is needed no more."""
        self.drafts.pop(row, None)
        self.world.program.rows.release(row)

    def combine(self, out: int, *terms: tuple[float, int]) -> None:
        """Row `out` ← Σ coefficient · row."""
        self.world.program.combine(out, terms)

    def pack(self, receiver: int, *rows: int, alpha: Any = None, round: int | None = None) -> Message:
        """A message to `receiver` with copies of these rows as they are now."""
        world = self.world
        copies = tuple(world.program.copy(row) for row in rows)
        return Message(self.index, receiver, copies, alpha, world.clock.now, round)

    def use_up(self, message: Message) -> None:
        """What `message` brought is in, and its rows are free."""
        self.in_hand.pop(message, None)
        for row in message.rows:
            self.world.program.rows.release(row)
        self.world.network.merged(message)

    def discard(self, message: Message) -> None:
        """`message` is of no use: what it brought is lost."""
        self.in_hand.pop(message, None)
        self.world.network.lose(message)
