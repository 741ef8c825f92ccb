"""What every collective is: a cost, and the messages of which it consists, if these are known."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import model_validator

from ..schema.fields import Frozen
from ..schema.violations import broken_at
from .message_rounds import Load, Round, loads


class Link(NamedTuple):
    """`latency_s` a, `s_per_byte` b, `reduction_s_per_byte` g."""

    latency_s: float
    s_per_byte: float
    reduction_s_per_byte: float


class CollectiveCost(NamedTuple):
    """The cost of one all-reduce over all workers together."""

    seconds: float
    messages: int
    size_bytes: int

    def __add__(self, other: Any) -> CollectiveCost:
        """Return the cost of both, one after the other."""
        return CollectiveCost(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = CollectiveCost(0.0, 0, 0)


class Collective(Frozen):
    """A way to give every worker the sum of all vectors."""

    name: str

    def cost(self, workers: int, size_bytes: int, link: Link) -> CollectiveCost:
        """Return the cost of one operation on a vector of `size_bytes`, which is 0 for one worker."""
        return self.among_several(workers, size_bytes, link) if workers > 1 else NOTHING

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        raise NotImplementedError

    def connections(self, p: int) -> int:
        """Return how many connections are used for the first time, one after the other: each may have been idle."""
        return 1

    def rounds(self, p: int, n: int) -> list[Round] | None:
        """Return its messages among p > 1 members, round by round; None if it is known as a formula only."""
        return None

    def loads(self, p: int, n: int) -> list[Load]:
        """Return the bytes that each of p members sends and receives: without known messages, those of a ring."""
        return [Load(2 * (p - 1) / p * n, 2 * (p - 1) / p * n)] * p

    @property
    def sends(self) -> bool:
        """Whether its messages are really sent."""
        return False

    @property
    def in_front(self) -> bool:
        """Whether there is a barrier in front: it begins for all when the last has come."""
        return True

    @property
    def at_once(self) -> int:
        """How many of them, on different buckets, a worker has under way at once."""
        return 1

    @property
    def servers(self) -> int:
        """How many nodes beside the members its messages go to: the first numbers after the workers'."""
        return 0


class MessageCollective(Collective):
    """A collective that, with `events: true`, sends its messages over the network's links, among all others. Without
    the `barrier` in front, each worker begins when it arrives and continues when it has the sum.
    """

    events: bool = False
    barrier: bool = True

    @model_validator(mode="after")
    def _only_messages_go_ahead(self) -> MessageCollective:
        if not self.barrier and not self.events:
            raise broken_at(("barrier",), False, "needs `events: true`: a formula begins for all at once")
        return self

    def loads(self, p: int, n: int) -> list[Load]:
        return loads(self.rounds(p, n) or (), p)

    @property
    def sends(self) -> bool:
        return self.events

    @property
    def in_front(self) -> bool:
        return self.barrier


def ring_cost(p: int, n: int, link: Link) -> CollectiveCost:
    a, b, g = link
    seconds = 2 * (p - 1) * a + (p - 1) / p * n * (2 * b + g)
    return CollectiveCost(seconds, 2 * (p - 1) * p, 2 * (p - 1) * n)
