"""Messages that do not arrive: laws of loss on a directed link, and groups that cannot reach each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator

from ..rng import Purpose, in_blocks, uniform
from ..schema.chosen import chosen_by
from ..schema.fields import AS_TUPLE, Frozen, Indices, PositiveQuantity, Probability, Quantity, number_or
from ..schema.violations import broken, broken_at


class MessageLoss(Frozen):
    """A law of loss. Each directed link has its own state and its own random numbers."""

    name: str

    def losses(self, seed: int, sender: int, receiver: int) -> Iterator[bool]:
        """Yield whether the link's first message is lost, its second, and so on without end."""
        raise NotImplementedError

    @property
    def share_lost(self) -> float:
        """Of all messages, in the long run."""
        raise NotImplementedError

    @staticmethod
    def uniform(seed: int, sender: int, receiver: int) -> Iterator[float]:
        return in_blocks(uniform, seed, Purpose.LOSS, sender, receiver)


class Independent(MessageLoss):
    """Each message is lost with `probability`, independently of all others."""

    name: Literal["independent"] = "independent"
    probability: Probability

    @property
    def share_lost(self) -> float:
        return self.probability

    def losses(self, seed: int, sender: int, receiver: int) -> Iterator[bool]:
        return (u < self.probability for u in self.uniform(seed, sender, receiver))


class GilbertElliott(MessageLoss):
    """Losses in bursts: a link is good or bad. After each message, good turns bad with `good_to_bad` and bad turns good
    with `bad_to_good`; a message is lost with the probability of the present state. Links begin in the stationary
    state.

    Lost in the long run: π_B · loss_bad + (1 − π_B) · loss_good with π_B = g/(g + b), g and b the two transitions.
    Source: Gilbert 1960 (doi:10.1002/j.1538-7305.1960.tb03959.x); Elliott 1963.
    """

    name: Literal["gilbert_elliott"] = "gilbert_elliott"
    good_to_bad: Probability
    bad_to_good: Probability
    loss_good: Probability = 0.0
    loss_bad: Probability = 1.0

    @property
    def share_lost(self) -> float:
        bad = self.good_to_bad / (self.good_to_bad + self.bad_to_good)
        return bad * self.loss_bad + (1 - bad) * self.loss_good

    @model_validator(mode="after")
    def _moves(self) -> GilbertElliott:
        if not self.good_to_bad + self.bad_to_good:
            raise broken_at(("bad_to_good",), self.bad_to_good, "must be > 0 where good_to_bad is 0")
        return self

    def losses(self, seed: int, sender: int, receiver: int) -> Iterator[bool]:
        uniform = self.uniform(seed, sender, receiver)
        bad = next(uniform) < self.good_to_bad / (self.good_to_bad + self.bad_to_good)
        while True:
            yield next(uniform) < (self.loss_bad if bad else self.loss_good)
            if next(uniform) < (self.bad_to_good if bad else self.good_to_bad):
                bad = not bad


LOSSES: dict[str, type[MessageLoss]] = {"independent": Independent, "gilbert_elliott": GilbertElliott}


class NetworkPartition(Frozen):
    """From `from_s` until `until_s`, workers of different `groups` cannot reach each other.

    What was sent or would arrive in that time is lost. A worker that is in no group reaches everybody.
    An arm with fewer workers than another has the first of them.
    """

    from_s: Quantity
    until_s: PositiveQuantity
    groups: Annotated[tuple[Indices, ...], AS_TUPLE]

    @model_validator(mode="after")
    def _parts_somebody(self) -> NetworkPartition:
        if self.until_s <= self.from_s:
            raise broken_at(("until_s",), self.until_s, f"must be above from_s, {self.from_s:g}")
        if len(self.groups) < 2:
            raise broken("must have two groups or more")
        members = [worker for group in self.groups for worker in group]
        twice = sorted({worker for worker in members if members.count(worker) > 1})
        if twice:
            raise broken(f"worker {twice[0]} is in two groups")
        return self

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        first = next((worker for group in self.groups for worker in group if worker >= workers), None)
        return None if first is None else f"groups has {first}"

    def group_of(self, worker: int) -> int | None:
        return next((number for number, group in enumerate(self.groups) if worker in group), None)

    def parts(self, sender: int, receiver: int, time_s: float) -> bool:
        """Return whether a partition separates the two at that time."""
        if not self.from_s <= time_s < self.until_s:
            return False
        here, there = self.group_of(sender), self.group_of(receiver)
        return here is not None and there is not None and here != there


if TYPE_CHECKING:
    AnyLoss = float | MessageLoss
else:
    AnyLoss = number_or(Probability, chosen_by("name", LOSSES))
