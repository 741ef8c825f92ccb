"""Who comes first of those who come at the same tick, where that decides whose work counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from ..rng import Purpose, stream

if TYPE_CHECKING:
    import numpy as np
    import simpy

    from .clock import Clock

T = TypeVar("T")


class Ties:
    """Breaks ties of one run at random, by a stream of their own: where nobody ties, nothing is drawn."""

    def __init__(self, seed: int):
        self.seed = seed

    @cached_property
    def _random(self) -> np.random.Generator:
        return stream(self.seed, Purpose.TIES)

    def shuffled(self, tied: Sequence[T]) -> list[T]:
        """Return all of `tied` in an order drawn anew; all orders are equally likely."""
        if len(tied) < 2:
            return list(tied)
        numbers = self._random.random(len(tied))
        return [tied[place] for place in numbers.argsort(kind="stable")]


class Lottery:
    """Draws one of those that enter at the same tick."""

    def __init__(self, clock: Clock, ties: Ties):
        self.clock = clock
        self.ties = ties
        self._entered: list[object] = []
        self._drawn = clock.event()

    def enter(self, player: object) -> simpy.Event:
        """Take part in the draw that ends this instant; the event's value is the one that is drawn."""
        if not self._entered:
            self.clock.at_deadline(0, self._draw)
        self._entered.append(player)
        return self._drawn

    def _draw(self) -> None:
        entered, drawn = self._entered, self._drawn
        self._entered, self._drawn = [], self.clock.event()
        drawn.succeed(self.ties.shuffled(entered)[0])


class Turns:
    """Serves the requests that reach a node: those of one tick in an order that is drawn, all others as they come.

    A request that arrives while others may still follow at this tick waits until all messages of the tick are there.
    """

    def __init__(self, clock: Clock, ties: Ties):
        self.clock = clock
        self.ties = ties
        self._waiting: dict[int, list[Callable[[], None]]] = {}

    def serve(self, node: int, act: Callable[[], None]) -> None:
        """Call `act` in its turn, at this tick; it serves a request that has reached `node`."""
        if node in self._waiting:
            self._waiting[node].append(act)
        elif self.clock.more_messages():
            self._waiting[node] = [act]
            self.clock.after_messages(lambda: self._serve_all(node))
        else:
            act()

    def _serve_all(self, node: int) -> None:
        for act in self.ties.shuffled(self._waiting.pop(node)):
            act()
