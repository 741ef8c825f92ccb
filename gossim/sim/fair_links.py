"""Links whose connections all go on at once, at rates that are fair."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..cluster.link_rates import End, LinkRates
from ..units import PER_SECOND, ticks
from .clock import Clock
from .link_sharing import NEVER, Transfer, Unshared
from .max_min import many_rates, max_min_rates

CLOSE = 1e-12
"""By so much of itself a sum of rates may miss what it should be."""

FEW = 24
"""Flows, beyond which arrays are faster than loops."""


@dataclass(eq=False, slots=True)
class _Flow:
    """A transfer in its connection, and the bytes that are `left` of it; `ends_at` by its present rate, in ticks, and
    `due` when somebody looks at it next, which may be earlier."""

    transfer: Transfer
    latency_s: float
    arrive: Callable[[], Any]
    left: float
    ends: tuple[End, ...] = ()
    rate: float = 0.0
    since: int = 0
    ends_at: int = NEVER
    due: int = NEVER
    over: bool = False


class Fair(Unshared):
    """Max-min fairness among connections: a sender and a receiver have one, which carries its transfers in order.

    All connections go on at once, and no rate can grow without taking from one that has no more. Rates are set anew
    whenever a transfer begins or ends, for those that this concerns.

    Source: Bertsekas and Gallager 1992, Data Networks, 6.5.2.
    """

    def __init__(self, clock: Clock, links: LinkRates, jitters: bool = False):
        super().__init__(clock, links, jitters)
        self._at: dict[End, dict[_Flow, None]] = {}
        self._connections: dict[tuple[int, int], deque[_Flow]] = {}
        self._arrived: dict[tuple[int, int], int] = {}

    def carry(self, transfer: Transfer, latency_s: float, arrive: Callable[[], Any]) -> None:
        if not transfer.size_bytes or math.isinf(self._limit(transfer)):
            transfer.leaves = self.clock.now
            self.clock.after(latency_s, arrive)
            return
        flow = _Flow(transfer, latency_s, arrive, transfer.size_bytes)
        queue = self._connections.setdefault((transfer.sender, transfer.receiver), deque())
        queue.append(flow)
        if len(queue) == 1:
            self._share(self._begin(flow))

    def drop(self, sender: int) -> None:
        for head in list(self._at.get(("up", sender), ())):
            queue = self._connections[head.transfer.sender, head.transfer.receiver]
            waiting = [flow for flow in queue if flow is not head and not flow.transfer.over]
            queue.clear()
            queue.extend([head, *waiting])
            if head.transfer.over:
                self._next(head)

    def _limit(self, transfer: Transfer) -> float:
        return min(map(self.links.capacity, self._ends(transfer)))

    def _ends(self, transfer: Transfer) -> tuple[End, ...]:
        """Return what it passes: without the receiver's side where it is lost before."""
        sender, receiver, links = transfer.sender, transfer.receiver, self.links
        if not links.paired:
            return (("up", sender),) if transfer.gone else (("up", sender), ("down", receiver))
        ends: tuple[End, ...] = ("up", sender), ("pair", (sender, receiver)), *links.uplinks(sender, receiver)
        return tuple(end for end in ends if end[0] != "in") if transfer.gone else (*ends, ("down", receiver))

    def _begin(self, flow: _Flow) -> tuple[End, ...]:
        flow.ends = self._ends(flow.transfer)
        flow.since = self.clock.now
        for end in flow.ends:
            self._at.setdefault(end, {})[flow] = None
        return flow.ends

    def _next(self, flow: _Flow) -> None:
        """End `flow`, the first of its connection, and begin the one behind it."""
        flow.over, link = True, (flow.transfer.sender, flow.transfer.receiver)
        for end in flow.ends:
            del self._at[end][flow]
        concerned, queue = flow.ends, self._connections[link]
        queue.popleft()
        if queue:
            concerned = tuple(dict.fromkeys((*concerned, *self._begin(queue[0]))))
        else:
            del self._connections[link]
        self._share(concerned)

    def _finish(self, flow: _Flow) -> None:
        transfer, clock = flow.transfer, self.clock
        transfer.leaves = clock.now
        if transfer.left is not None:
            transfer.left()
            transfer.left = None
        arrives = clock.now + ticks(flow.latency_s)
        if self.jitters:  # what was sent before comes before
            link = transfer.sender, transfer.receiver
            arrives = self._arrived[link] = max(arrives, self._arrived.get(link, 0))
        clock.at(arrives, flow.arrive)
        self._next(flow)

    def _share(self, ends: Iterable[End]) -> None:
        """Compute new rates for all flows that a change at these ends concerns.

        Max-min fair rates are the only ones by which every flow meets a full end at which nobody has more. So it is
        enough to share out anew among a few, the others as they are, and to take in those for which it does not hold.
        """
        some: dict[_Flow, None] = {}
        for end in ends:
            some.update(self._at.get(end, {}))
        rates: dict[_Flow, float] = {}
        more = some
        while more:
            if len(some) > FEW:  # it spreads: all to which it can, at once
                some = self._connected(some)
                rates = dict(zip(some, many_rates([flow.ends for flow in some], self.links.capacity), strict=True))
                break
            rates = max_min_rates({flow: flow.ends for flow in some}, partial(self._left_for, some))
            more = self._wronged(rates)
            some.update(more)
        for flow, rate in rates.items():
            if rate != flow.rate:
                self._change(flow, rate)

    def _connected(self, flows: Iterable[_Flow]) -> dict[_Flow, None]:
        """Return these and all that share an end with them, directly or by others."""
        found = dict.fromkeys(flows)
        ahead = list(dict.fromkeys(end for flow in found for end in flow.ends))
        seen = set(ahead)
        while ahead:
            for flow in self._at[ahead.pop()]:
                if flow not in found:
                    found[flow] = None
                    new = [end for end in flow.ends if end not in seen]
                    seen.update(new)
                    ahead += new
        return found

    def _left_for(self, some: dict[_Flow, None], end: End) -> float:
        others = math.fsum(flow.rate for flow in self._at[end] if flow not in some)
        return max(0.0, self.links.capacity(end) - others)

    def _wronged(self, rates: dict[_Flow, float]) -> dict[_Flow, None]:
        """Return the flows whose rates are not in `rates` but must change as well."""
        states: dict[End, tuple[bool, float]] = {}

        def state(end: End) -> tuple[bool, float]:
            """Return whether it is full, and its highest rate."""
            if end not in states:
                own = [rates.get(flow, flow.rate) for flow in self._at[end]]
                states[end] = math.fsum(own) >= self.links.capacity(end) * (1 - CLOSE), max(own) * (1 - CLOSE)
            return states[end]

        def settled(flow: _Flow, rate: float) -> bool:
            return any(full and rate >= highest for full, highest in map(state, flow.ends))

        wronged: dict[_Flow, None] = {}
        for end in dict.fromkeys(end for flow in rates for end in flow.ends):
            for flow in self._at[end]:
                if flow not in rates and not settled(flow, flow.rate):
                    wronged[flow] = None
        for flow, rate in rates.items():
            if not settled(flow, rate):
                for end in flow.ends:
                    richer = (other for other in self._at[end] if other not in rates and other.rate > rate)
                    wronged.update(dict.fromkeys(richer))
        return wronged

    def _change(self, flow: _Flow, rate: float) -> None:
        clock = self.clock
        flow.left = max(0.0, flow.left - flow.rate * ((clock.now - flow.since) / PER_SECOND))
        flow.rate, flow.since = rate, clock.now
        flow.ends_at = clock.now + ticks(flow.left / rate)
        if flow.ends_at < flow.due:
            self._look(flow)

    def _look(self, flow: _Flow) -> None:
        """Look at it when it should end, for it may be slowed down until then."""
        due = flow.due = flow.ends_at

        def look() -> None:
            if flow.over or flow.due != due:
                return
            if flow.ends_at > due:
                self._look(flow)
            else:
                self._finish(flow)

        self.clock.at(due, look)
