"""A worker that fails, and comes back."""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import Any

import numpy as np
import simpy

from ..optimizers import Optimizer
from ..program import INITIAL_ROW
from ..rng import Purpose, stream
from .message import Message
from .questions import Asking


class Recovering(Asking):
    """Fails, and comes back as `returns` says: its parameters `kept`, `reset`, or `fetched` from another worker."""

    optimizer: Optimizer | None
    returns: str = "kept"

    @cached_property
    def _random(self) -> np.random.Generator:
        return stream(self.context.seed, Purpose.FETCHES, self.index)

    def crash(self, for_good: bool) -> None:
        """Go down. What its process holds, has received or has not sent is lost, and its weight too if it is `gone`."""
        context = self.context
        self.stop_stepping()
        self.up, self.gone, self.takes_part = False, for_good, False
        context.watches.changed(self.index)
        self.activity.enter("down")
        for row in sorted(self.drafts):
            context.program.rows.release(row)
        self.drafts.clear()
        self.receive()
        for message in self.in_hand:
            context.network.lose(message)
        self.in_hand.clear()
        self.rounds.forget()
        if self.asked is not None and not self.asked.triggered:
            self.asked.succeed(None)
        context.network.crashed(self.index)
        if for_good:
            self._lose_weight()

    def come_back(self) -> Generator[simpy.Event, Any, None]:
        """Go back to work with its parameters kept, reset, or fetched from a random worker that takes part."""
        answer = (yield from self._fetch()) if self.returns == "fetched" else None
        if answer is not None:
            self._lose_weight()
            self.combine(self.row, (1.0, answer.row))
            self.alpha = answer.alpha
            self.use_up(answer)
            if self.optimizer:
                self.optimizer.restart()
        else:
            self.begin_alone()
        self.round = max([self.round, *(other.round for other in self.peers.workers if other.takes_part)])
        self.takes_part = True

    def begin_alone(self) -> None:
        """Go on from what it has, or from the start, because there is no worker to ask or nothing to ask for."""
        if self.returns == "reset":
            self.combine(self.row, (1.0, INITIAL_ROW))
            if self.optimizer:
                self.optimizer.restart()

    def take_over(self, other: Recovering) -> None:
        """Set x and the optimizer's state to those of `other`."""
        self.combine(self.row, (1.0, other.row))
        if self.optimizer and other.optimizer:
            self.optimizer.take_over(other.optimizer)

    def _fetch(self) -> Generator[simpy.Event, Any, Message | None]:
        """Ask until somebody answers.

        Returns:
            The answer; None where nobody else takes part, and this worker is drawn to begin among those that have
            nobody to ask.
        """
        first: object = None
        while True:
            peers = [worker for worker in self.peers.workers if worker.takes_part]
            if not peers and first is self:
                return None
            if not peers:
                first = yield self.context.lottery.enter(self)
                continue
            first = None
            peer = peers[int(self._random.random() * len(peers))]
            answer = yield self.ask(peer.index, "give_half", reliable=True)
            if answer is not None:
                return answer

    def stop_stepping(self) -> None:
        """Give up what is being computed."""

    def _lose_weight(self) -> None:
        if self.alpha is not None:
            self.context.network.alpha_lost += self.alpha * self.context.network.unit
            self.alpha = 0 * self.alpha
