"""How transfers that use one worker's link at the same time share it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..cluster.bandwidth import Rates
from ..units import PER_SECOND, ticks
from .clock import Clock
from .traffic import Exchange

NEVER = 2**200
"""Of a transfer whose end is not known yet, in ticks: later than any clock shows."""


@dataclass(eq=False, slots=True)
class Transfer:
    """Bytes on their way. `lose` is called if they are lost for good; those that are `reliable` are sent until they
    arrive.

    `leaves`: when the last byte leaves the sender, in ticks; until then the sender's crash takes them with it, unless
    they outlive it. `gone`: they do not get through, and never reach the receiver's link.
    """

    sender: int
    receiver: int
    size_bytes: float
    deliver: Callable[[], Any]
    lose: Callable[[], Any]
    reliable: bool
    outlives: bool = False
    leaves: int = NEVER
    gone: bool = False
    over: bool = False
    exchange: Exchange | None = None  # where it is counted, if it is


class Unshared:
    """Each transfer has both workers' full bandwidth for itself: it takes latency + size / min(up, down)."""

    def __init__(self, clock: Clock, rates: Callable[[int], Rates]):
        self.clock = clock
        self.rates = rates

    def begins(self, transfer: Transfer) -> int:
        """When the first byte of a transfer leaves that is carried now, in ticks."""
        return self.clock.now

    def carry(self, transfer: Transfer, latency_s: float, arrive: Callable[[], Any]) -> None:
        """Call `arrive` when the last byte has come."""
        seconds = 0.0
        if transfer.size_bytes:
            seconds = transfer.size_bytes / min(self.rates(transfer.sender).up, self.rates(transfer.receiver).down)
        transfer.leaves = self.clock.now + ticks(seconds)
        self.clock.after(latency_s + seconds, arrive)

    def drop(self, sender: int) -> None:
        """Those transfers of `sender` that are over now, before their time, take no bandwidth any more."""


class Fifo(Unshared):
    """First come, first served: a worker sends one transfer after the other, in the order in which they were begun, and
    receives bytes in the order in which they come, whoever sent them. A queue may grow without bound; a request without
    bytes passes it by.

    What trickles in from slow senders is received as it comes, as long as together they are no faster than the
    receiver; what comes faster waits: the backlog grows by what comes and shrinks by what is received. Where messages
    of one size come at once and at random instants, either end is an M/D/1 queue.
    """

    def __init__(self, clock: Clock, rates: Callable[[int], Rates]):
        super().__init__(clock, rates)
        self._sending: dict[int, list[tuple[int, Transfer]]] = {}  # in line, with when the last byte leaves
        self._ends: dict[int, _Backlog] = {}

    def begins(self, transfer: Transfer) -> int:
        ahead = self._sending.get(transfer.sender)
        return max(self.clock.now, ahead[-1][0]) if ahead and transfer.size_bytes else self.clock.now

    def carry(self, transfer: Transfer, latency_s: float, arrive: Callable[[], Any]) -> None:
        clock, latency, size = self.clock, ticks(latency_s), transfer.size_bytes
        begins = self.begins(transfer)
        transfer.leaves = begins + ticks(size / self.rates(transfer.sender).up)
        if not size or transfer.gone:
            clock.at(transfer.leaves + latency, arrive)
        else:
            end = self._ends.setdefault(transfer.receiver, _Backlog(clock, self.rates(transfer.receiver).down))
            rate = size / (transfer.leaves - begins) if transfer.leaves > begins else 0.0
            if rate:
                clock.at(begins + latency, lambda: end.grow(transfer, rate))
            clock.at(transfer.leaves + latency, lambda: end.all_in(transfer, arrive))
        if size:
            queue = self._sending.setdefault(transfer.sender, [])
            queue[:] = [place for place in queue if place[0] > clock.now]
            queue.append((transfer.leaves, transfer))

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
        """The first byte comes, and the others at that rate."""
        if not transfer.over:
            self._until_now()
            self.coming[transfer] = rate

    def stop(self, transfer: Transfer) -> None:
        self._until_now()
        self.coming.pop(transfer, None)

    def all_in(self, transfer: Transfer, arrive: Callable[[], Any]) -> None:
        """The last byte comes: call `arrive` when it is received."""
        if not transfer.over:
            self._until_now()
            if not self.coming.pop(transfer, None):
                self.bytes += transfer.size_bytes
            self.clock.after(self.bytes / self.rate / PER_SECOND, arrive)

    def _until_now(self) -> None:
        elapsed = self.clock.now - self.since
        self.bytes = max(0.0, self.bytes + elapsed * (sum(self.coming.values()) - self.rate)) if elapsed else self.bytes
        self.since = self.clock.now


Flow = TypeVar("Flow", bound=Hashable)
End = tuple[str, int]
"""One end of a link: `("up", worker)` or `("down", worker)`."""


@dataclass(eq=False, slots=True)
class _Flow:
    transfer: Transfer
    ends: tuple[End, ...]
    left: float
    finish: Callable[[], Any]
    rate: float = 0.0
    since: int = 0
    version: int = field(default=0)


class Fair(Unshared):
    """Max-min fairness: all transfers go on at once, and nobody's rate can grow without taking from one that has no
    more. Rates are set anew whenever a transfer begins or ends, among those that share an end directly or by others.

    Source: Bertsekas and Gallager 1992, Data Networks, 6.5.2.
    """

    def __init__(self, clock: Clock, rates: Callable[[int], Rates]):
        super().__init__(clock, rates)
        self._at: dict[End, dict[_Flow, None]] = {}

    def carry(self, transfer: Transfer, latency_s: float, arrive: Callable[[], Any]) -> None:
        up, down = self.rates(transfer.sender).up, self.rates(transfer.receiver).down
        limit = up if transfer.gone else min(up, down)
        if not transfer.size_bytes or math.isinf(limit):
            transfer.leaves = self.clock.now
            self.clock.after(latency_s, arrive)
            return
        ends: tuple[End, ...] = (("up", transfer.sender),)
        if not transfer.gone:
            ends += (("down", transfer.receiver),)

        def finish() -> None:
            transfer.leaves = self.clock.now
            self.clock.after(latency_s, arrive)

        flow = _Flow(transfer, ends, transfer.size_bytes, finish, since=self.clock.now)
        for end in ends:
            self._at.setdefault(end, {})[flow] = None
        self._share(ends)

    def drop(self, sender: int) -> None:
        for flow in list(self._at.get(("up", sender), ())):
            if flow.transfer.over:
                self._remove(flow)

    def _remove(self, flow: _Flow) -> None:
        flow.version += 1
        for end in flow.ends:
            del self._at[end][flow]
        self._share(flow.ends)

    def _share(self, ends: Iterable[End]) -> None:
        """New rates for all transfers that these ends concern."""
        flows = self._connected(ends)
        rates = max_min_rates({flow: flow.ends for flow in flows}, self._capacity)
        for flow, rate in rates.items():
            if rate != flow.rate:
                self._change(flow, rate)

    def _connected(self, ends: Iterable[End]) -> list[_Flow]:
        flows: dict[_Flow, None] = {}
        ahead, seen = list(ends), set(ends)
        while ahead:
            for flow in self._at.get(ahead.pop(), ()):
                flows[flow] = None
                ahead += [end for end in flow.ends if end not in seen]
                seen.update(flow.ends)
        return list(flows)

    def _capacity(self, end: End) -> float:
        way, worker = end
        return self.rates(worker).up if way == "up" else self.rates(worker).down

    def _change(self, flow: _Flow, rate: float) -> None:
        clock = self.clock
        flow.left = max(0.0, flow.left - flow.rate * ((clock.now - flow.since) / PER_SECOND))
        flow.rate, flow.since, flow.version = rate, clock.now, flow.version + 1
        version = flow.version

        def done() -> None:
            if flow.version == version:
                self._remove(flow)
                flow.finish()

        clock.after(flow.left / rate, done)


def max_min_rates(paths: Mapping[Flow, Collection[End]], capacity: Callable[[End], float]) -> dict[Flow, float]:
    """The max-min fair rate of each flow, by progressive filling: all grow together; where an end is full, its flows
    stop, and the others grow on. Source: Bertsekas and Gallager 1992, Data Networks, 6.5.2."""
    growing: dict[End, dict[Flow, None]] = {}
    for flow, ends in paths.items():
        for end in ends:
            growing.setdefault(end, {})[flow] = None
    left = {end: capacity(end) for end in growing}
    rates: dict[Flow, float] = {}
    while len(rates) < len(paths):
        full = min((end for end in growing if growing[end]), key=lambda end: left[end] / len(growing[end]))
        share = left[full] / len(growing[full])
        for flow in list(growing[full]):
            rates[flow] = share
            for end in paths[flow]:
                del growing[end][flow]
                left[end] = max(0.0, left[end] - share)
    return rates


SHARING: dict[str, type[Unshared]] = {"none": Unshared, "fifo": Fifo, "fair": Fair}
"""By the name that `network.sharing` uses."""
