"""Who has sent messages to whom, and how old they were when they were merged."""

from __future__ import annotations

from dataclasses import dataclass

from .clock import PER_SECOND

PAIRS = 2**14
"""So many pairs are told apart: all of 128 workers. Where there are more, messages are counted by sender alone."""

Link = tuple[int, int]
"""Sender and receiver."""


@dataclass(slots=True)
class Exchange:
    """Of one sender with one receiver: messages with parameters that were sent (what is sent again counts again) and
    their bytes; those that were merged, and the ages that they had, summed: gradient steps of all workers since they
    were sent, and ticks."""

    messages: int = 0
    size_bytes: float = 0
    merged: int = 0
    age_steps: int = 0
    age_ticks: int = 0

    def staleness(self) -> tuple[float | None, float | None]:
        """Mean age of the messages that were merged, in steps and in seconds; None where none was."""
        if not self.merged:
            return None, None
        return self.age_steps / self.merged, self.age_ticks / self.merged / PER_SECOND

    def __iadd__(self, other: Exchange) -> Exchange:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


class Exchanges:
    """The exchanges by link, or, when there have been more than `limit` of these, by sender, from the start of the
    run on: the receiver is then None."""

    def __init__(self, limit: int = PAIRS):
        self.limit = limit
        self.folded = False
        self.by_link: dict[tuple[int, int | None], Exchange] = {}

    def on(self, link: Link) -> Exchange:
        """Where to count what is sent on `link`."""
        key = (link[0], None) if self.folded else link
        found = self.by_link.get(key)
        if found is None:
            found = self.by_link[key] = Exchange()
            if not self.folded and len(self.by_link) > self.limit:
                self._fold()
                return self.on(link)
        return found

    def total(self) -> Exchange:
        """All together."""
        total = Exchange()
        for exchange in self.by_link.values():
            total += exchange
        return total

    def _fold(self) -> None:
        apart, self.by_link, self.folded = self.by_link, {}, True
        for (sender, _), exchange in apart.items():
            together = self.by_link.setdefault((sender, None), Exchange())
            together += exchange
