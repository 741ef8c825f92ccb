from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Algorithm, Process
from ._families import PARAMETERS


class Epidemic(Algorithm):
    """Epidemic learning: after each step a worker sends its x to k random others, and averages what has come.

    x_i ← x_i − η ∇L^i(x_i), sent to k others;  x_i ← mean of x_i and of what came since the last time.

    In the source rounds are synchronous (EL-Local); here nobody waits. The mean of all x_m is kept in expectation only:
    how many copies of an x are averaged is chance.
    Cost per step: k parameter vectors.
    Source: De Vos et al. 2023, arXiv:2310.01972, algorithm 1 and EL-Local.
    """

    family: ClassVar[str] = "gossip"
    uncompressed: ClassVar[str] = PARAMETERS
    name: Literal["epidemic"] = "epidemic"
    peers: Count

    def unfit(self, settings: Settings) -> str | None:
        few = settings.workers > 1 and self.peers >= settings.workers
        return f"peers = {self.peers}: must be below the number of workers, {settings.workers}" if few else None

    def worker(self, w: Worker) -> Process:
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            for peer in w.random_peers(self.peers):
                w.post(w.pack(peer, w.row))
            came = [(1.0, message) for message in w.receive()]
            w.average(w.row, [(1 / (len(came) + 1), message) for _, message in came])
            w.use_up_all(came)
