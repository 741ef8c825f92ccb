"""TCP's slow start after idle: what a message takes longer whose connection has carried nothing for a while."""

from __future__ import annotations

from ..cluster.network import NetworkSettings
from ..units import ticks
from .clock import Clock


class IdleConnections:
    """Tracks which connections, each of a sender and a receiver, are idle.

    A connection is idle until its first message, and again when none has been on its way for longer than
    `resend_timeout_s`, TCP's retransmission timeout, after which a sender starts slowly anew. Source: RFC 5681, 4.1.
    """

    def __init__(self, clock: Clock, settings: NetworkSettings):
        self.clock = clock
        self.after_idle_s = settings.after_idle_s
        self._timeout = ticks(settings.resend_timeout_s)
        self._under_way: dict[tuple[int, int], int] = {}
        self._last: dict[tuple[int, int], int] = {}

    def begins_s(self, link: tuple[int, int]) -> float:
        """Begin a message on `link`, and return its additional duration in seconds."""
        under_way, last = self._under_way.get(link, 0), self._last.get(link)
        self._under_way[link] = under_way + 1
        idle = not under_way and (last is None or self.clock.now - last > self._timeout)
        return self.after_idle_s if idle else 0.0

    def ends(self, link: tuple[int, int]) -> None:
        """Note that a message on `link` has arrived, or should have."""
        self._under_way[link] -= 1
        self._last[link] = self.clock.now
