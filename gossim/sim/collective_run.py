"""A collective as it happens: how long it takes, and what is sent for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

from ..cluster.collectives import Collective, CollectiveCost, Link, RingEvents
from ..units import ticks
from .context import Context
from .link_sharing import NEVER


class CollectiveRun:
    """Runs one `collective` on vectors of the size of a message, as often as it is begun, among changing members.

    A formula takes one latency, the mean over the links of the ring, because what is sent passes every one of them; and
    one bandwidth, the smallest of any worker. `RingEvents` sends its messages over the network's own links.

    Args:
        context: Of the cluster.
        collective: What is run.
        reduction_s_per_byte: The time to add up a byte.
    """

    def __init__(self, context: Context, collective: Collective, reduction_s_per_byte: float):
        self.context = context
        self.collective = collective
        self.reduction_s_per_byte = reduction_s_per_byte
        self._costs: dict[tuple[int, ...], CollectiveCost] = {}
        self._bringing = 0  # bytes on their way to those that come back
        self._idle_since: int | None = None

    def begin(self, members: list[int], after_s: float, finish: Callable[[], None]) -> None:
        """Run it among `members`, and call `finish` when it is over and `after_s` more have passed."""
        clock, cost = self.context.clock, self._cost(tuple(members))
        self.context.network.count(cost.messages, cost.size_bytes)
        brought, self._bringing = self._bringing, 0

        def ended() -> None:
            self.context.network.bytes_carried += brought
            finish()

        if isinstance(self.collective, RingEvents) and len(members) > 1:
            clock.process(self._ring_of_messages(members, after_s, ended))
        else:

            def over() -> None:
                self._idle_since = clock.now
                self.context.network.bytes_carried += cost.size_bytes
                ended()

            clock.after(cost.seconds + self._after_idle_s(len(members)) + after_s, over)

    def bring_in_s(self, joining: Sequence[int], donor: int) -> float:
        """Send the parameters and the optimizer's state of `donor` to those that come back, one after the other.

        Returns:
            How long that takes, in seconds.
        """
        network = self.context.network
        settings = self.context.settings.optimizer
        vectors = 1 + (settings.state_vectors if settings else 0)
        size_bytes = vectors * self.context.message_bytes
        network.count(len(joining), size_bytes * len(joining))
        self._bringing = size_bytes * len(joining)
        up = network.rates(donor).up
        sending_s = [size_bytes / min(up, network.rates(worker).down) for worker in joining]
        overhead_s = network.settings.message_overhead_s
        return sum(sending_s) + max((network.latency_s(donor, worker) + overhead_s for worker in joining), default=0.0)

    def _after_idle_s(self, count: int) -> float:
        """Return what its connections take longer, one after the other, where they have been idle."""
        settings, now = self.context.network.settings, self.context.clock.now
        idle = self._idle_since is None or now - self._idle_since > ticks(settings.resend_timeout_s)
        return settings.after_idle_s * self.collective.connections(count) if idle and count > 1 else 0.0

    def _cost(self, members: tuple[int, ...]) -> CollectiveCost:
        if members not in self._costs:
            network, count = self.context.network, len(members)
            following = (*members[1:], members[0])
            ring_s = [network.latency_s(m, n) for m, n in zip(members, following, strict=True)] if count > 1 else [0.0]
            slowest = min(min(network.rates(m)) for m in members)
            round_s = sum(ring_s) / count + network.settings.message_overhead_s
            link = Link(round_s, 1 / slowest, self.reduction_s_per_byte)
            self._costs = {members: self.collective.cost(count, self.context.message_bytes, link)}
        return self._costs[members]

    def _ring_of_messages(
        self, members: list[int], after_s: float, finish: Callable[[], None]
    ) -> Generator[simpy.Event, Any, None]:
        clock, count = self.context.clock, len(members)
        came = [[clock.event() for _ in range(2 * (count - 1))] for _ in members]
        yield clock.all_of([clock.process(self._passing_on(members, place, came)) for place in range(count)])
        reduction_s = (count - 1) / count * self.context.message_bytes * self.reduction_s_per_byte
        yield clock.wait(reduction_s + after_s)
        finish()

    def _passing_on(
        self, members: list[int], place: int, came: list[list[simpy.Event]]
    ) -> Generator[simpy.Event, Any, None]:
        """In each round send a chunk on, and wait until the one from behind has come and the own one is out."""
        clock, network, count = self.context.clock, self.context.network, len(members)
        following = (place + 1) % count
        for number, event in enumerate(came[place]):
            arrives = came[following][number]
            sent = network.transfer(
                members[place],
                members[following],
                self.context.message_bytes / count,
                arrives.succeed,
                reliable=True,
                outlives=True,
            )
            yield event
            # Where transfers share a link, what is not out yet slows down the next chunk without this.
            if clock.now < sent.leaves < NEVER:
                yield clock.until(sent.leaves)
