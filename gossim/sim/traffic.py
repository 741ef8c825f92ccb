"""Who has sent messages to whom, and how old they were when they were merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from ..units import PER_SECOND

PAIRS = 2**14
"""Pairs that are counted one by one: all of 128 workers. Above it, messages are counted by sender alone."""

Direction = tuple[int, int | None]
"""Sender and receiver; None for all receivers that are counted together."""


@dataclass(slots=True)
class Exchange:
    """The traffic from one sender to one receiver.

    `messages` with parameters were sent (what is sent again counts again), and their bytes; of these, bytes that were
    `carried` have crossed their links. Of those that were `merged` the ages are summed: ticks, and gradient steps of
    all workers since they were sent, of which only those that are `aged` have been reckoned.
    """

    messages: int = 0
    size_bytes: float = 0
    carried: float = 0
    merged: int = 0
    aged: int = 0
    age_steps: int = 0
    age_ticks: int = 0

    def staleness(self) -> tuple[float | None, float | None]:
        """Return the mean age of merged messages, in steps and in seconds, or None if none was merged."""
        if not self.merged:
            return None, None
        steps = self.age_steps / self.aged if self.aged else None
        return steps, self.age_ticks / self.merged / PER_SECOND

    def __iadd__(self, other: Exchange) -> Exchange:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


def total(exchanges: Iterable[Exchange]) -> Exchange:
    """Return the sum over all exchanges."""
    total = Exchange()
    for exchange in exchanges:
        total += exchange
    return total


def exchange_of(exchanges: dict[Direction, Exchange], sender: int, receiver: int, limit: int = PAIRS) -> Exchange:
    """Return the exchange that counts what `sender` sends to `receiver`, making it if necessary. Beyond `limit` pairs,
    a sender has one for all further receivers, so that a long run needs no more memory than a short one.
    """
    found = exchanges.get((sender, receiver))
    if found is None:
        link = (sender, receiver if len(exchanges) < limit else None)
        found = exchanges.get(link)
        if found is None:
            found = exchanges[link] = Exchange()
    return found


def by_pair(exchanges: Mapping[Direction, Exchange], limit: int = PAIRS) -> dict[Direction, Exchange]:
    """Return the exchanges in the order of senders and receivers; beyond `limit`, by sender, with None as receiver."""
    if len(exchanges) <= limit:
        return {link: exchanges[link] for link in sorted(exchanges)}
    together: dict[Direction, Exchange] = {}
    for sender, receiver in sorted(exchanges, key=itemgetter(0)):
        own = together.setdefault((sender, None), Exchange())
        own += exchanges[sender, receiver]
    return together
