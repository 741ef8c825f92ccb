"""Why a gradient takes longer than it should: each a rule that lengthens chosen workers' compute times."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from ..rng import Purpose, in_blocks, stream, uniform
from ..schema.chosen import chosen_by
from ..schema.fields import Lasting, PositiveQuantity, Probability
from .durations import LawOfNumbers
from .selection import Chosen

Lengthen = Callable[[float, float], float]
"""From the seconds of work and the time at which it begins to the seconds that it takes."""


class Straggler(Chosen):
    """Which workers are slow, and how."""

    purpose: ClassVar[Purpose] = Purpose.STRAGGLERS
    timeless: ClassVar[bool] = True
    """Whether the rule takes no notice of the time at which the work begins."""
    name: str

    def lengthen(self, seed: int, number: int, worker: int) -> Lengthen:
        """Return the rule for one worker that it concerns."""
        raise NotImplementedError


class Persistent(Straggler):
    """Chosen workers whose every gradient takes `factor` times as long."""

    everyone: ClassVar[bool] = False
    name: Literal["persistent"] = "persistent"
    factor: PositiveQuantity

    def lengthen(self, seed: int, number: int, worker: int) -> Lengthen:
        return lambda work_s, now_s: work_s * self.factor


class RandomSlowdown(Straggler):
    """Each gradient takes `factor` times as long with `probability`, independently: mean 1 + q(f − 1) times as long.

    Source: Luo et al. 2019 (Hop), arXiv:1902.01064.
    """

    name: Literal["random_slowdown"] = "random_slowdown"
    probability: Probability
    factor: PositiveQuantity

    def lengthen(self, seed: int, number: int, worker: int) -> Lengthen:
        drawn = in_blocks(uniform, seed, Purpose.STRAGGLERS, number, worker).__next__
        return lambda work_s, now_s: work_s * self.factor if drawn() < self.probability else work_s


class Bursty(Straggler):
    """Slow spells: exponential of mean `mean_length_s`, between them exponential of mean `mean_between_s` (a two-state
    Markov process, begun in its stationary state). In a spell, work goes on `factor` times as slowly.

    A worker is slow for a share L/(L + B) of the time. The spells are in time, whatever is computed in them.
    """

    timeless: ClassVar[bool] = False
    name: Literal["bursty"] = "bursty"
    mean_between_s: Lasting
    mean_length_s: Lasting
    factor: PositiveQuantity

    def lengthen(self, seed: int, number: int, worker: int) -> Lengthen:
        spells = self.spells(seed, number, worker)
        # Those that end after the latest beginning: work may be dropped, and begin again where it was.
        ahead: deque[tuple[bool, float]] = deque()

        def finish(work_s: float, now_s: float) -> float:
            while ahead and ahead[0][1] <= now_s:
                ahead.popleft()
            at_s = now_s
            for place in itertools.count():
                if place == len(ahead):
                    ahead.append(next(spells))
                slow, end_s = ahead[place]
                if end_s <= at_s:
                    continue
                pace = self.factor if slow else 1.0
                if at_s + work_s * pace <= end_s:
                    break
                work_s -= (end_s - at_s) / pace
                at_s = end_s
            return at_s + work_s * pace - now_s

        return finish

    def spells(self, seed: int, number: int, worker: int) -> Iterator[tuple[bool, float]]:
        """Yield endless spells in turn: whether slow, and until when in seconds."""
        random = stream(seed, Purpose.STRAGGLERS, number, worker)
        slow = random.random() < self.mean_length_s / (self.mean_length_s + self.mean_between_s)
        end_s = 0.0
        while True:
            end_s += random.exponential(self.mean_length_s if slow else self.mean_between_s)
            yield slow, end_s
            slow = not slow


class Heterogeneous(Straggler):
    """Each worker has its own factor, drawn once from the distribution `factor` (of pure numbers, not seconds)."""

    name: Literal["heterogeneous"] = "heterogeneous"
    factor: LawOfNumbers

    def lengthen(self, seed: int, number: int, worker: int) -> Lengthen:
        factor = next(self.factor.draws(seed, Purpose.STRAGGLERS, number, worker))
        return lambda work_s, now_s: work_s * factor


STRAGGLERS: dict[str, type[Straggler]] = {
    "persistent": Persistent,
    "random_slowdown": RandomSlowdown,
    "bursty": Bursty,
    "heterogeneous": Heterogeneous,
}


if TYPE_CHECKING:
    AnyStraggler = Straggler
else:
    AnyStraggler = chosen_by("name", STRAGGLERS, unnamed="persistent")
