"""Links that serve one transfer after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..cluster.link_rates import End, LinkRates
from ..units import PER_SECOND, ticks
from .clock import Clock
from .link_sharing import Transfer, Unshared
from .reservations import Piece, Reservations, reserve


class Fifo(Unshared):
    """First come, first served: a worker sends one transfer after the other, in the order in which they began, and
    receives bytes in order of arrival from any sender. A queue may grow without bound; a request without bytes
    overtakes it.

    What trickles in from slow senders is received as it comes, as long as together they are no faster than the
    receiver; what comes faster waits: the backlog grows by what comes and shrinks by what is received. Where messages
    of one size come at once and at random instants, either end is an M/D/1 queue.

    What a region shares goes to transfers in the order in which they were begun: those that come later get what is
    left, and a worker sends its next one when the last byte is out. What a worker that fails had reserved stays so.
    """

    def __init__(self, clock: Clock, links: LinkRates, jitters: bool = False):
        super().__init__(clock, links, jitters)
        self._sending: dict[int, list[tuple[int, Transfer]]] = {}  # in line, with when the last byte leaves
        self._ends: dict[int, _Backlog] = {}
        self._uplinks: dict[End, Reservations] = {}

    def begins(self, transfer: Transfer) -> int:
        ahead = self._sending.get(transfer.sender)
        return max(self.clock.now, ahead[-1][0]) if ahead and transfer.size_bytes else self.clock.now

    def carry(self, transfer: Transfer, latency_s: float, arrive: Callable[[], Any]) -> None:
        clock, latency, size = self.clock, ticks(latency_s), transfer.size_bytes
        pieces = self._leave(transfer, latency)
        if not size or transfer.gone:
            clock.at(transfer.leaves + latency, arrive)
        else:
            end = self._ends.setdefault(transfer.receiver, _Backlog(clock, self.rates(transfer.receiver).down))
            for piece in pieces:
                clock.at(piece.begins + latency, partial(end.grow, transfer, piece.rate))
            clock.at(transfer.leaves + latency, lambda: end.all_in(transfer, arrive))
        if size:
            queue = self._sending.setdefault(transfer.sender, [])
            queue[:] = [place for place in queue if place[0] > clock.now]
            queue.append((transfer.leaves, transfer))

    def _leave(self, transfer: Transfer, latency: int) -> list[Piece]:
        """Set when its last byte leaves. Returns in which pieces; none where it takes no time."""
        begins, size, links = self.begins(transfer), transfer.size_bytes, self.links
        sender, receiver = transfer.sender, transfer.receiver
        fastest = min(self.rates(sender).up, links.pair(sender, receiver))
        uplinks = links.uplinks(sender, receiver) if size else ()
        if uplinks:
            some = [(self._reserved(end), latency * (end[0] == "in")) for end in uplinks]
            if transfer.gone:
                some = some[:1]
            pieces = reserve(begins, size, fastest / PER_SECOND, some)
            transfer.leaves = pieces[-1].ends
            return pieces
        transfer.leaves = begins + ticks(size / fastest)
        if transfer.leaves > begins:
            return [Piece(begins, transfer.leaves, size / (transfer.leaves - begins))]
        return []

    def _reserved(self, end: End) -> Reservations:
        found = self._uplinks.get(end)
        if found is None:
            found = self._uplinks[end] = Reservations(self.links.capacity(end) / PER_SECOND)
        found.forget(self.clock.now)
        return found

    def drop(self, sender: int) -> None:
        queue = self._sending.get(sender, [])
        for _, transfer in queue:
            if transfer.over and transfer.receiver in self._ends:
                self._ends[transfer.receiver].stop(transfer)
        queue[:] = [place for place in queue if not place[1].over]


class _Backlog:
    """The bytes that have come to one worker and are not received yet. Rates are in bytes per tick."""

    def __init__(self, clock: Clock, bytes_per_s: float):
        self.clock = clock
        self.rate = bytes_per_s / PER_SECOND
        self.coming: dict[Transfer, float] = {}
        self.bytes = 0.0
        self.since = clock.now

    def grow(self, transfer: Transfer, rate: float) -> None:
        """Receive the first byte, and the others at that rate."""
        if not transfer.over:
            self._until_now()
            self.coming[transfer] = rate

    def stop(self, transfer: Transfer) -> None:
        self._until_now()
        self.coming.pop(transfer, None)

    def all_in(self, transfer: Transfer, arrive: Callable[[], Any]) -> None:
        """Receive the last byte, and call `arrive` then."""
        if not transfer.over:
            self._until_now()
            if not self.coming.pop(transfer, None):
                self.bytes += transfer.size_bytes
            self.clock.after(self.bytes / self.rate / PER_SECOND, arrive)

    def _until_now(self) -> None:
        elapsed = self.clock.now - self.since
        self.bytes = max(0.0, self.bytes + elapsed * (sum(self.coming.values()) - self.rate)) if elapsed else self.bytes
        self.since = self.clock.now
