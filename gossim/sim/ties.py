"""Who comes first of those who come at the same tick, where that decides whose work counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
import simpy

from ..rng import Purpose, stream
from .clock import Clock

T = TypeVar("T")


class Ties:
    """Breaks ties of one run at random, from a separate stream. Without a tie, nothing is drawn."""

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

    A request is served when all messages of its tick are there, before the work that ends at it. Those that were sent
    at this very tick are served together at the end of the instant, before any answer arrives, for more such may
    follow from work that ends at it.
    """

    def __init__(self, clock: Clock, ties: Ties):
        self.clock = clock
        self.ties = ties
        self._waiting: dict[int | None, list[Callable[[], None]]] = {}  # by node; None: sent at this tick

    def serve(self, node: int, sent: int, act: Callable[[], None]) -> None:
        """Call `act` in its turn, at this tick; it serves a request sent at the tick `sent` that has reached `node`."""
        queue = None if sent == self.clock.now else node
        if queue in self._waiting:
            self._waiting[queue].append(act)
        elif queue is None:
            self._waiting[queue] = [act]
            self.clock.at_deadline(0, lambda: self._serve_all(queue))
        elif self.clock.more_messages():
            self._waiting[queue] = [act]
            self.clock.after_messages(lambda: self._serve_all(queue))
        else:
            act()

    def _serve_all(self, queue: int | None) -> None:
        for act in self.ties.shuffled(self._waiting.pop(queue)):
            act()
