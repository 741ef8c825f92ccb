"""A collective as it happens: how long it takes, and what is sent for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

from ..cluster.collectives import Collective, CollectiveCost, Link, RingEvents
from ..cluster.message_rounds import Links, Round, duration_s
from ..units import ticks
from .context import Context
from .link_sharing import NEVER
from .message_exchange import MessageExchange


class CollectiveRun:
    """Runs one `collective` each time it is begun, with changing members.

    Where the network gives each pair of workers a bandwidth, a formula is what its messages take over the links that
    they use. Elsewhere it takes one latency, the mean over the links of the ring, because what is sent passes every one
    of them; and one bandwidth, the smallest of any worker. A collective that `sends` has its messages on the network.

    Args:
        context: Of the cluster.
        collective: What is run.
        reduction_s_per_byte: The time to add up a byte.
    """

    def __init__(self, context: Context, collective: Collective, reduction_s_per_byte: float):
        self.context = context
        self.collective = collective
        self.reduction_s_per_byte = reduction_s_per_byte
        self._members: tuple[int, ...] = ()
        self._costs: dict[tuple[int, int], CollectiveCost] = {}  # of these members, by the arguments of `cost`
        self._bringing = 0  # bytes on their way to those that come back
        self._idle_since: int | None = None

    def begin(
        self,
        members: list[int],
        after_s: float,
        finish: Callable[[], Any],
        size_bytes: int | None = None,
        at_once: int = 1,
    ) -> None:
        """Run it among `members`, and call `finish` when it is over and `after_s` more have passed.

        Args:
            members: The numbers of the workers.
            after_s: Seconds.
            finish: Called at the end.
            size_bytes: Of the vector; by default that of a message.
            at_once: How many are under way, this one included: a formula shares the bandwidth among them.
        """
        clock, size = self.context.clock, self.context.message_bytes if size_bytes is None else size_bytes
        cost = self.cost(members, size, at_once)
        self.context.network.count(cost.messages, cost.size_bytes)
        brought, self._bringing = self._bringing, 0

        def ended() -> None:
            self.context.network.bytes_carried += brought
            finish()

        if len(members) > 1 and isinstance(self.collective, RingEvents):
            clock.process(self._ring_of_messages(members, after_s, ended, size))
        elif len(members) > 1 and self.collective.sends:
            clock.process(self._messages(members, after_s, ended, size))
        else:

            def over() -> None:
                self._idle_since = clock.now
                self.context.network.bytes_carried += cost.size_bytes
                if len(members) > 1:
                    self.context.network.by_formula[self.collective, tuple(members), size] += 1
                ended()

            clock.after(cost.seconds + self._after_idle_s(len(members)) + after_s, over)

    def exchange(self, members: Sequence[int], size_bytes: int) -> MessageExchange:
        """Return one whose messages are sent as each of its members comes to it, all of them counted now."""
        cost = self.cost(members, size_bytes)
        self.context.network.count(cost.messages, cost.size_bytes)
        return self._exchange(members, size_bytes)

    def cost(self, members: Sequence[int], size_bytes: int, at_once: int = 1) -> CollectiveCost:
        """Return what it costs by formula among these members, on a vector of that size, as one of `at_once`."""
        members = tuple(members)
        if members != self._members:
            self._members, self._costs = members, {}
        if (size_bytes, at_once) not in self._costs:
            self._costs[size_bytes, at_once] = self._reckoned(members, size_bytes, at_once)
        return self._costs[size_bytes, at_once]

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
        sending_s = [size_bytes / network.links.one(donor, worker) for worker in joining]
        overhead_s = network.settings.message_overhead_s
        return sum(sending_s) + max((network.latency_s(donor, worker) + overhead_s for worker in joining), default=0.0)

    def _after_idle_s(self, count: int) -> float:
        """Return what its connections take longer, one after the other, where they have been idle."""
        settings, now = self.context.network.settings, self.context.clock.now
        idle = self._idle_since is None or now - self._idle_since > ticks(settings.resend_timeout_s)
        return settings.after_idle_s * self.collective.connections(count) if idle and count > 1 else 0.0

    def _reckoned(self, members: tuple[int, ...], size_bytes: int, at_once: int) -> CollectiveCost:
        network, count = self.context.network, len(members)
        following = (*members[1:], members[0])
        ring = list(zip(members, following, strict=True))
        ring_s = [network.latency_s(m, n) for m, n in ring] if count > 1 else [0.0]
        round_s = sum(ring_s) / count + network.settings.message_overhead_s
        if network.links.paired and count > 1:
            slowest = min(network.links.one(m, n) for m, n in ring)
        else:
            slowest = min(min(network.rates(m)) for m in members)
        cost = self.collective.cost(count, size_bytes, Link(round_s, at_once / slowest, self.reduction_s_per_byte))
        rounds = self.collective.rounds(count, size_bytes) if network.links.paired and count > 1 else None
        return cost if rounds is None else cost._replace(seconds=self._over_links_s(members, rounds))

    def _over_links_s(self, members: Sequence[int], rounds: Sequence[Round]) -> float:
        network = self.context.network

        def latency_s(sender: int, receiver: int) -> float:
            return network.latency_s(sender, receiver) + network.settings.message_overhead_s

        return duration_s(rounds, self._nodes(members), Links(latency_s, network.links, self.reduction_s_per_byte))

    def _nodes(self, members: Sequence[int]) -> list[int]:
        workers = self.context.settings.workers
        return [*members, *range(workers, workers + self.collective.servers)]

    def _exchange(self, members: Sequence[int], size_bytes: int) -> MessageExchange:
        rounds = (self.collective.rounds(len(members), size_bytes) or []) if len(members) > 1 else []
        exchange = MessageExchange(self.context, self._nodes(members), rounds, self.reduction_s_per_byte)
        for place in range(len(members), len(exchange.nodes)):  # servers are there from the beginning
            self.context.clock.process(exchange.part(place))
        return exchange

    def _messages(
        self, members: Sequence[int], after_s: float, finish: Callable[[], None], size_bytes: int
    ) -> Generator[simpy.Event, Any, None]:
        clock, exchange = self.context.clock, self._exchange(members, size_bytes)
        yield clock.all_of([clock.process(exchange.part(place)) for place in range(len(members))])
        yield clock.wait(after_s)
        finish()

    def _ring_of_messages(
        self, members: list[int], after_s: float, finish: Callable[[], None], size_bytes: int
    ) -> Generator[simpy.Event, Any, None]:
        clock, count = self.context.clock, len(members)
        came = [[clock.event() for _ in range(2 * (count - 1))] for _ in members]
        yield clock.all_of(
            [clock.process(self._passing_on(members, place, came, size_bytes / count)) for place in range(count)]
        )
        reduction_s = (count - 1) / count * size_bytes * self.reduction_s_per_byte
        yield clock.wait(reduction_s + after_s)
        finish()

    def _passing_on(
        self, members: list[int], place: int, came: list[list[simpy.Event]], chunk_bytes: float
    ) -> Generator[simpy.Event, Any, None]:
        """In each round send a chunk on, and wait until the chunk from behind has arrived and the own one has left."""
        clock, network, count = self.context.clock, self.context.network, len(members)
        following = (place + 1) % count
        for number, event in enumerate(came[place]):
            arrives = came[following][number]
            sent = network.transfer(
                members[place],
                members[following],
                chunk_bytes,
                arrives.succeed,
                reliable=True,
                outlives=True,
            )
            yield event
            # Where transfers share a link, what is not out yet slows down the next chunk without this.
            if clock.now < sent.leaves < NEVER:
                yield clock.until(sent.leaves)
