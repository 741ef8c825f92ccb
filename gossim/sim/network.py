"""The network: what a message carries, how long it is on its way, and what has been sent so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from ..fields import Frozen, Positive, must
from .activity import Timeline
from .clock import Clock
from .latency import Latency, latency_s


class NetworkSettings(Frozen):
    """`latency_s`: seconds, a distribution from which each directed link draws its own latency once, a matrix from a
    file, or regions.
    `bandwidth_bytes_per_s`: of each link; null means unlimited, which has to be said.
    `message_bytes`: size of one parameter vector; null means what the model's parameters take."""

    latency_s: Latency
    bandwidth_bytes_per_s: Positive | None
    message_bytes: Annotated[int, must("from 1 to 2**40", lambda n: 1 <= n <= 2**40)] | None = None


@dataclass(eq=False, slots=True)
class Message:
    """A snapshot of the sender's parameters on its way, with the weight α that travels in it."""

    sender: int
    receiver: int
    row: int
    alpha: Any
    sent: int  # by the clock, in ticks
    sent_steps: int  # gradient steps of all workers together by then


class Network:
    """Point-to-point links that do not share capacity: a message takes its link's latency plus size/bandwidth.

    Bytes and messages count parameter vectors only; a request that carries none costs its latency and no bytes.
    """

    def __init__(self, clock: Clock, settings: NetworkSettings, seed: int, timeline: Timeline):
        self.clock = clock
        self.timeline = timeline
        self.settings = settings
        self.seed = seed
        self.bytes_sent = 0
        self.messages_sent = 0
        self.in_flight: dict[Message, None] = {}  # in order of sending, from sending until merged
        self.merges = self.merged_steps = self.merged_ticks = 0
        self._latency_s: dict[tuple[int, int], float] = {}

    @property
    def bandwidth_bytes_per_s(self) -> float:
        return self.settings.bandwidth_bytes_per_s or float("inf")

    def latency_s(self, sender: int, receiver: int) -> float:
        """Latency of the directed link, in seconds: the link's own, whatever was sent before and by whom."""
        link = (sender, receiver)
        if link not in self._latency_s:
            self._latency_s[link] = latency_s(self.settings.latency_s, sender, receiver, self.seed)
        return self._latency_s[link]

    def count(self, messages: int, size_bytes: int) -> None:
        """Book `messages` of `size_bytes` altogether."""
        self.messages_sent += messages
        self.bytes_sent += size_bytes

    def send(self, message: Message, size_bytes: int, deliver: Callable[[Message], Any]) -> None:
        """Put `message` on its way; `deliver` is called with it when it arrives."""
        self.count(1, size_bytes)
        self.in_flight[message] = None

        def arrive() -> None:
            self.timeline.add(message.sender, "message", message.sent, self.clock.now)
            deliver(message)

        latency_s = self.latency_s(message.sender, message.receiver)
        self.clock.after(latency_s + size_bytes / self.bandwidth_bytes_per_s, arrive)

    def merged(self, message: Message, steps: int) -> None:
        """`message` has done its work, after so many steps of all workers: its weight is its receiver's now."""
        del self.in_flight[message]
        self.merges += 1
        self.merged_steps += steps - message.sent_steps
        self.merged_ticks += self.clock.now - message.sent
