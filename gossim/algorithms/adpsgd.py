from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Timeout
from ..settings import Settings
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.worker import Worker
from ._base import Algorithm, Process
from ._families import PARAMETERS, unfit_in_pairs


class ADPSGD(Algorithm):
    """AD-PSGD: every worker averages with one random neighbour per step while it computes; no worker waits for a round.

    g ← ∇L^i(x_i); meanwhile x_i, x_j ← (x_i + x_j)/2 with a random neighbour j; then x_i ← x_i − η g, a gradient at the
    x_i from before the averaging.

    The neighbour answers the moment it is asked, whatever it is doing, so there is no deadlock; where the published
    algorithm averages at one instant, here x_j ← (x_i + x_j)/2 happens as x_i arrives, and as x_j comes back, while it
    computes or after, worker i adds (x_j − x_i)/2, both as they were sent. So the sum is kept whatever happens to x_i
    in between, and without latency it is the same. Two that ask it at one tick are served as they were sent: each
    keeps the mean.
    Invariant: averaging leaves the mean of all x_m, and of what is under way, as it was.
    Cost per step: one parameter vector each way. With `timeout_s` an answer is waited for no longer than that; where it
    is lost, or too late, only the other one has moved.
    Source: Lian et al. 2018, arXiv:1710.06952, algorithm 1.
    """

    family: ClassVar[str] = "gossip"
    waits_for: ClassVar[str] = "the answer, if it takes longer"
    undirected: ClassVar[bool] = True
    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["adpsgd"] = "adpsgd"
    timeout_s: Timeout | None = None

    def unfit(self, settings: Settings) -> str | None:
        return unfit_in_pairs(settings, self.timeout_s)

    def worker(self, w: Worker) -> Process:
        while True:
            peer = w.random_peer()
            if peer is None:
                gradient = w.gradient()
                yield w.compute()
            else:
                sent = w.draft(w.row)
                asked = w.ask(peer, "average", [w.row], self.timeout_s, by_lot=False)
                gradient = w.gradient()
                computed = w.compute()
                yield asked | computed
                if not asked.triggered:
                    w.activity.enter("waiting")
                answer = yield asked
                if answer:
                    w.combine(w.row, (1.0, w.row), (0.5, answer.row), (-0.5, sent))
                    w.use_up(answer)
                w.drop(sent)
                yield computed
            for late in w.receive():
                w.discard(late)
            w.step(gradient)

    def average(self, other: Worker, message: Message, reply: Reply) -> None:
        """Let the neighbour answer with its x, and move halfway."""
        reply(other.row)
        other.combine(other.row, (0.5, other.row), (0.5, message.row))
        other.use_up(message)
