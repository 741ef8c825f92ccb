from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from ..rng import Purpose, stream
from ..schema.bounds import Bounds
from ..schema.fields import AS_WHOLE, Count, Fraction01, NonNegative
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class NoLoCo(InRounds):
    """NoLoCo: DiLoCo without an all-reduce. Every H steps random pairs take an outer step along their mean change, and
    towards each other.

    θ_i ← H steps of the arm's optimizer from φ_i;  Δ = θ − φ;
    δ_i ← α δ_i + β mean(Δ) + γ (mean(φ) − φ_i);  φ_i ← φ_i + δ_i;  θ_i ← φ_i, with means over the pair.

    The pairs are drawn anew each time, the same for all; where M is odd one is alone. `group_size` g makes groups of g
    of them. With `timeout_s` a partner that is down is left out. The `topology` is not used.
    Invariant: where γ = 0 and all are one group, `diloco` with outer learning rate β and momentum α.
    Cost: two parameter vectors to each partner every H steps. Nobody waits but for its partner.
    Source: Kolehmainen et al. 2025, arXiv:2506.10911, with the sign of γ that the authors' public code has (equation 2
    of the paper has another), from a summary of both. There H = 50, α = 0.5, β = γ = 0.7.
    """

    family: ClassVar[str] = "local steps"
    waits_for: ClassVar[str] = "its partner, seldom"
    uncompressed: ClassVar[str] = (
        "sends the anchors of its outer steps besides the changes, of which nothing may be left out"
    )
    name: Literal["noloco"] = "noloco"
    period: Count = 50
    outer_momentum: Fraction01 = 0.5
    outer_rate: NonNegative = 0.7
    consensus_rate: NonNegative = 0.7
    group_size: Annotated[int, Bounds("a whole number >= 2", ge=2), AS_WHOLE] = 2

    def unfit_topology(self, settings: Settings) -> str | None:
        return None

    def peers_each(self, settings: Settings) -> float:
        return min(self.group_size, settings.workers) - 1

    def worker(self, w: Worker) -> Process:
        anchor, velocity = w.draft(w.row), w.draft()
        alpha, beta, gamma = self.outer_momentum, self.outer_rate, self.consensus_rate
        while True:
            yield from w.local_steps(self.period)
            partners = partners_of(w.context.seed, w.workers, self.group_size, w.round)[w.index]
            change = w.draft(w.row)
            w.combine(change, (1.0, w.row), (-1.0, anchor))
            for partner in partners:
                w.post(w.pack(partner, change, anchor, round=w.round))
            heard = yield from w.mix(self.timeout_s, dict.fromkeys(partners, 1.0))
            share = 1 / (len(heard) + 1)
            changes = [(beta * share, row) for row in (change, *(message.rows[0] for _, message in heard))]
            anchors = [(gamma * share, message.rows[1]) for _, message in heard]
            w.combine(velocity, (alpha, velocity), *changes, (gamma * (share - 1), anchor), *anchors)
            w.use_up_all(heard)
            w.drop(change)
            w.combine(anchor, (1.0, anchor), (1.0, velocity))
            w.combine(w.row, (1.0, anchor))
            w.round += 1


@lru_cache(maxsize=8)
def partners_of(seed: int, workers: int, group_size: int, round: int) -> list[list[int]]:
    """Return the partners of each worker in that round."""
    order = stream(seed, Purpose.MATCHING, round).permutation(workers).tolist()
    partners: list[list[int]] = [[] for _ in order]
    for start in range(0, workers, group_size):
        group = order[start : start + group_size]
        for member in group:
            partners[member] = sorted(other for other in group if other != member)
    return partners
