"""Links whose transfers all go on at once, at rates that are fair."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..cluster.bandwidth import Rates
from ..units import PER_SECOND
from .clock import Clock
from .link_sharing import Transfer, Unshared

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
