from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Probability
from ..sim.worker import Worker
from ._base import Algorithm, Process
from ._families import PARAMETERS


class GoSGDPush(Algorithm):
    """GoSGD as in the papers: with probability p a worker sends half its weight and its x to a random other.

    After a step, worker s halves α_s and sends (x_s, α_s) to r:

    x_r ← (α_r x_r + α_s x_s) / (α_r + α_s);  α_r ← α_r + α_s, before r's next gradient. Nobody waits.

    Invariant: Σα = 1, counting the α in flight; communication leaves Σ α_m x_m (in flight included) as it was.
    Cost: p messages of one parameter vector per gradient step.
    Source: Blot, Picard, Cord, Thome, arXiv:1611.09726 and arXiv:1804.01852.
    """

    weighted: ClassVar[bool] = True
    family: ClassVar[str] = "gossip"
    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["gosgd_push"] = "gosgd_push"
    push_probability: Probability

    def worker(self, w: Worker) -> Process:
        while True:
            for message in w.receive():
                w.merge(message)
            if (yield from w.local_steps_until(self.push_probability)):
                peer = w.random_peer()
                if peer is not None:
                    w.push(peer)
