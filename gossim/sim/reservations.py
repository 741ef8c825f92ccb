"""What is reserved on links that several senders share, where transfers are served first come, first served."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import NamedTuple

TOO_LITTLE = 1e-9
"""Of a capacity: what is left below this share of it is rounding, and nothing is sent at such a rate."""


class Piece(NamedTuple):
    """A part of a transfer: from one tick to another, at that rate in bytes per tick."""

    begins: int
    ends: int
    rate: float


class Reservations:
    """The rates that are reserved on one link, as a step function of time in ticks.

    Args:
        capacity: Bytes per tick.
    """

    def __init__(self, capacity: float):
        self.capacity = capacity
        self._from: list[int] = [0]
        self._reserved: list[float] = [0.0]  # from that tick to the next

    def free(self, tick: int) -> tuple[float, int | None]:
        """Return the rate that is free at a tick, and until when; None if from then on for ever."""
        place = bisect.bisect_right(self._from, tick) - 1
        left = self.capacity - self._reserved[place]
        until = self._from[place + 1] if place + 1 < len(self._from) else None
        return (left if left > self.capacity * TOO_LITTLE else 0.0), until

    def take(self, piece: Piece, later: int = 0) -> None:
        """Reserve the rate of a piece, `later` ticks after its own time."""
        begin, end = (self._split(tick + later) for tick in (piece.begins, piece.ends))
        for place in range(begin, end):
            self._reserved[place] += piece.rate

    def forget(self, tick: int) -> None:
        """Drop what was reserved before that tick."""
        place = bisect.bisect_right(self._from, tick) - 1
        del self._from[:place], self._reserved[:place]

    def _split(self, tick: int) -> int:
        """Return the place of the step that begins at that tick, made if need be."""
        place = bisect.bisect_right(self._from, tick) - 1
        if self._from[place] == tick:
            return place
        self._from.insert(place + 1, tick)
        self._reserved.insert(place + 1, self._reserved[place])
        return place + 1


def reserve(begins: int, size_bytes: float, fastest: float, links: Sequence[tuple[Reservations, int]]) -> list[Piece]:
    """Send as early as what is reserved already allows, and reserve what that takes.

    Args:
        begins: The first tick at which bytes may leave.
        size_bytes: How many there are.
        fastest: The highest rate, in bytes per tick.
        links: What they pass, each with the ticks by which they pass it later than they leave.

    Returns:
        The pieces in which they leave, in order.
    """
    pieces: list[Piece] = []
    now, left = begins, size_bytes
    while True:
        found = [(link.free(now + later), later) for link, later in links]
        rate = min(fastest, *(free for (free, _), _ in found))
        until = min((end - later for (_, end), later in found if end is not None), default=None)
        if rate > 0:
            done = now + max(1, round(left / rate))
            last = until is None or done <= until
            piece = Piece(now, done if last else until, rate)  # type: ignore[arg-type]
            pieces.append(piece)
            for link, later in links:
                link.take(piece, later)
            if last:
                return pieces
            left -= rate * (piece.ends - now)
        assert until is not None, "a link is full for ever"
        now = until
