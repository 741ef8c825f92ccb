from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Probability, Timeout
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Algorithm, Process
from ._families import PARAMETERS, may_lose_answers


class GoSGDPull(Algorithm):
    """GoSGD as in the slides: with probability p a worker asks a random other for its x and half its weight.

    After a step, worker i draws j:

    α_j ← α_j/2;  x_i ← (α_i x_i + α_j x_j) / (α_i + α_j);  α_i ← α_i + α_j.

    j answers the moment the request arrives, while it computes; i waits for the answer.
    Invariant: Σα = 1, counting the α in flight; communication leaves Σ α_m x_m (in flight included) as it was.
    With `timeout_s` it waits no longer than that, and merges an answer that comes later before its next gradient.
    Cost: p answers of one parameter vector per gradient step, and two latencies plus a transfer of waiting for each.
    Source: Blot, Picard, Cord, Thome, slides of March 2017.
    """

    weighted: ClassVar[bool] = True
    family: ClassVar[str] = "gossip"
    waits_for: ClassVar[str] = "the answer"
    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["gosgd_pull"] = "gosgd_pull"
    pull_probability: Probability
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        if may_lose_answers(settings) and self.timeout_s is None:
            return "must have a timeout_s where workers fail or messages are lost: an answer may never come"
        return None

    def worker(self, w: Worker) -> Process:
        while True:
            for message in w.receive():
                w.merge(message)
            if (yield from w.local_steps_until(self.pull_probability)):
                peer = w.random_peer()
                answer = None if peer is None else (yield w.pull(peer, self.timeout_s))
                if answer:
                    w.merge(answer)
