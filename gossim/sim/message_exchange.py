"""One collective whose messages are really sent."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

from ..cluster.message_rounds import Round, Sending
from .context import Context
from .link_sharing import NEVER, Transfer


class MessageExchange:
    """The messages of one collective, over the network's own links.

    Each place begins by itself, when its `part` does, and goes through the rounds that it takes part in.

    Args:
        context: Of the cluster.
        nodes: The number of the node at each place.
        rounds: The messages between places.
        reduction_s_per_byte: The time to add up a byte.
    """

    def __init__(self, context: Context, nodes: Sequence[int], rounds: Sequence[Round], reduction_s_per_byte: float):
        self.context = context
        self.nodes = nodes
        self.reduction_s_per_byte = reduction_s_per_byte
        self._sends: list[dict[int, list[Sending]]] = [{} for _ in nodes]
        self._takes: list[dict[int, list[Sending]]] = [{} for _ in nodes]
        self._came: dict[tuple[int, int, int], simpy.Event] = {}
        self._reached: dict[tuple[int, int], simpy.Event] = {}
        for number, each in enumerate(rounds):
            for sending in each:
                self._sends[sending.sender].setdefault(number, []).append(sending)
                self._takes[sending.receiver].setdefault(number, []).append(sending)

    def part(self, place: int) -> Generator[simpy.Event, Any, None]:
        """Go through the rounds of one place. Yield from it, or run it as a process."""
        clock = self.context.clock
        for number in sorted(self._sends[place].keys() | self._takes[place].keys()):
            self._at(place, number).succeed()
            sent: list[Transfer] = []
            own = self._sends[place].get(number, [])
            for sending in own:
                if not sending.early:
                    yield self._at(sending.receiver, number)
                sent.append(self._send(sending, number))
            added = 0.0
            for sending in self._takes[place].get(number, []):
                yield self._arrival(sending, number)
                added += sending.adds * sending.size_bytes
            for transfer in sent:
                yield from self._out(transfer)
            if added and self.reduction_s_per_byte:
                yield clock.wait(added * self.reduction_s_per_byte)

    def _send(self, sending: Sending, number: int) -> Transfer:
        return self.context.network.transfer(
            self.nodes[sending.sender],
            self.nodes[sending.receiver],
            sending.size_bytes,
            self._arrival(sending, number).succeed,
            reliable=True,
            outlives=True,
        )

    def _out(self, transfer: Transfer) -> Generator[simpy.Event, Any, None]:
        """Wait until the last byte has left."""
        clock = self.context.clock
        if transfer.leaves == NEVER and not transfer.over:
            out = clock.event()
            transfer.left = out.succeed
            yield out
        if clock.now < transfer.leaves < NEVER:
            yield clock.until(transfer.leaves)

    def _at(self, place: int, number: int) -> simpy.Event:
        """Return the event that a place has come to a round."""
        return self._reached.setdefault((place, number), self.context.clock.event())

    def _arrival(self, sending: Sending, number: int) -> simpy.Event:
        return self._came.setdefault((sending.sender, sending.receiver, number), self.context.clock.event())
