"""The network: what a message carries, how long it is on its way, whether it arrives, what has been sent so far."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ..cluster.bandwidth import Rates
from ..cluster.collective import Collective
from ..cluster.device_trace import Device
from ..cluster.latency import latency_s
from ..cluster.link_rates import LinkRates
from ..cluster.message_loss import Independent
from ..cluster.network import NetworkSettings
from ..rng import Purpose
from ..units import PER_SECOND
from .clock import Clock
from .fair_links import Fair
from .fifo_links import Fifo
from .idle_connections import IdleConnections
from .link_sharing import NEVER, Transfer, Unshared
from .message import Message
from .staleness import Ages
from .timeline import Timeline
from .traffic import Direction, Exchange, exchange_of

SHARING: dict[str, type[Unshared]] = {"none": Unshared, "fifo": Fifo, "fair": Fair}
"""By the name that `network.sharing` uses."""


class Network:
    """Links between workers, and the ledger of what is on them: the weight α of a message counts as in flight until it
    is merged or lost.

    Bytes and messages count parameter vectors only; a request that carries none costs its latency and no bytes.
    `release` is called with the row of a message that is lost.
    """

    def __init__(
        self,
        clock: Clock,
        settings: NetworkSettings,
        seed: int,
        timeline: Timeline,
        release: Callable[[int], None] = lambda row: None,
        devices: tuple[Device, ...] = (),
    ):
        self.clock = clock
        self.timeline = timeline
        self.settings = settings
        self.seed = seed
        self.release = release
        self.links = LinkRates(settings.bandwidth_bytes_per_s, seed, devices, settings.efficiency)
        self.rates: Callable[[int], Rates] = self.links.worker
        self.sharing = SHARING[settings.shared](clock, self.links, settings.jitter_s is not None)
        self.idle = IdleConnections(clock, settings) if settings.after_idle_s else None
        self.bytes_sent = 0
        self.bytes_carried: float = 0  # those that have crossed their links
        self.messages_sent = self.messages_lost = 0
        self.alpha_lost: Any = 0
        self.unit: Any = 1  # in which the weights of workers and messages are written, so that they do not vanish
        self.ages = Ages()
        self.in_flight: dict[Message, None] = {}  # in order of sending, from sending until merged or lost
        self.exchanges: dict[Direction, Exchange] = {}  # of links on which anything was sent
        self.by_formula: Counter[tuple[Collective, tuple[int, ...], int]] = Counter()
        """How often a collective that is a formula came to its end, by its members and the size of the vector."""
        self._transfers: dict[Transfer, None] = {}
        self._latency_s: dict[tuple[int, int], float] = {}
        self._jitter_s: dict[tuple[int, int], Iterator[float]] = {}
        self._losses: dict[tuple[int, int], Iterator[bool]] = {}

    def latency_s(self, sender: int, receiver: int) -> float:
        """Return the latency of the directed link in seconds, whatever was sent before and by whom."""
        if isinstance(self.settings.latency_s, int | float):  # the same for all: nothing to remember for each link
            return float(self.settings.latency_s)
        link = (sender, receiver)
        found = self._latency_s.get(link)
        if found is None:
            found = self._latency_s[link] = latency_s(self.settings.latency_s, sender, receiver, self.seed)
        return found

    def count(self, messages: int, size_bytes: int) -> None:
        """Count `messages` of `size_bytes` in total."""
        self.messages_sent += messages
        self.bytes_sent += size_bytes

    def send(
        self, message: Message, size_bytes: int, deliver: Callable[[Message], Any], reliable: bool = False
    ) -> None:
        """Put `message` on its way; `deliver` is called with it when it arrives."""
        self.count(1, size_bytes)
        self.in_flight[message] = None
        message.after = self.ages.now(self.clock)

        def arrive() -> None:
            if not self.timeline.full:
                alpha = None if message.alpha is None else float(message.alpha * self.unit)
                told = (message.receiver, size_bytes, alpha)
                self.timeline.add(message.sender, "message", message.sent, self.clock.now, *told)
            deliver(message)

        transfer = self.transfer(
            message.sender, message.receiver, size_bytes, arrive, lambda: self.lose(message), reliable=reliable
        )
        message.exchange = transfer.exchange

    def transfer(
        self,
        sender: int,
        receiver: int,
        size_bytes: float,
        deliver: Callable[[], Any],
        lose: Callable[[], Any] = lambda: None,
        reliable: bool = False,
        outlives: bool = False,
    ) -> Transfer:
        """Carry that many bytes without counting them; 0 bytes are a request. A `reliable` transfer is repeated until
        it arrives, and with `outlives` also after its sender has failed.
        """
        transfer = Transfer(sender, receiver, size_bytes, deliver, lose, reliable or self.settings.resend, outlives)
        if size_bytes:
            transfer.exchange = exchange_of(self.exchanges, sender, receiver)
        self._transfers[transfer] = None
        self._carry(transfer)
        return transfer

    def crashed(self, sender: int) -> None:
        """Lose what `sender` has not sent to the last byte, or would send again."""
        for transfer in list(self._transfers):
            if transfer.sender == sender and transfer.leaves > self.clock.now and not transfer.outlives:
                self._end(transfer, transfer.lose)
        self.sharing.drop(sender)

    def merged(self, message: Message) -> None:
        """Note that `message` has been merged: its weight now belongs to its receiver."""
        del self.in_flight[message]
        if message.exchange is not None:
            message.exchange.merged += 1
            self.ages.merged(message, self.ages.now(self.clock))
            message.exchange.age_ticks += self.clock.now - message.sent

    def lose(self, message: Message) -> None:
        """Lose `message`, which will never be merged: count its weight as lost and free its row."""
        del self.in_flight[message]
        self.messages_lost += 1
        if message.alpha is not None:
            self.alpha_lost += message.alpha * self.unit
        for row in message.rows:
            self.release(row)

    def parted(self, sender: int, receiver: int, tick: int) -> bool:
        """Return whether a partition separates the two at that time."""
        partitions = self.settings.partitions
        return bool(partitions) and any(part.parts(sender, receiver, tick / PER_SECOND) for part in partitions)

    def _carry(self, transfer: Transfer) -> None:
        link = transfer.sender, transfer.receiver
        if transfer.exchange is not None:
            transfer.exchange.messages += 1
            transfer.exchange.size_bytes += transfer.size_bytes
        transfer.gone = self._is_lost(*link) or self.parted(*link, self.sharing.begins(transfer))
        latency_s = self.latency_s(*link)
        if self.settings.jitter_s is not None:
            if link not in self._jitter_s:
                self._jitter_s[link] = self.settings.jitter_s.draws(self.seed, Purpose.JITTER, *link)
            latency_s += next(self._jitter_s[link])
        if transfer.size_bytes:
            latency_s += self.settings.message_overhead_s
            if self.idle is not None:
                latency_s += self.idle.begins_s(link)
        self.sharing.carry(transfer, latency_s, lambda: self._arrive(transfer))

    def _is_lost(self, sender: int, receiver: int) -> bool:
        loss = self.settings.loss
        if loss is None:
            return False
        link = (sender, receiver)
        if link not in self._losses:
            law = Independent(probability=loss) if isinstance(loss, float) else loss
            self._losses[link] = law.losses(self.seed, sender, receiver)
        return next(self._losses[link])

    def _arrive(self, transfer: Transfer) -> None:
        if self.idle is not None and transfer.size_bytes:
            self.idle.ends((transfer.sender, transfer.receiver))
        if transfer.over:
            return
        if not (transfer.gone or self.parted(transfer.sender, transfer.receiver, self.clock.now)):
            if transfer.exchange is not None:
                transfer.exchange.carried += transfer.size_bytes
                self.bytes_carried += transfer.size_bytes
            self._end(transfer, transfer.deliver)
        elif transfer.reliable:
            transfer.leaves = NEVER
            self.clock.after(self.settings.resend_timeout_s, lambda: self._again(transfer))
        else:
            self._end(transfer, transfer.lose)

    def _again(self, transfer: Transfer) -> None:
        if not transfer.over:
            if transfer.size_bytes:
                self.count(1, math.ceil(transfer.size_bytes))
            self._carry(transfer)

    def _end(self, transfer: Transfer, act: Callable[[], Any]) -> None:
        transfer.over = True
        del self._transfers[transfer]
        act()
