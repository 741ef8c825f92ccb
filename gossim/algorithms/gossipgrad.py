from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from ..rng import Purpose, stream
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class GossipGraD(InRounds):
    """GossipGraD: one message per step, to rotating partners; after ⌈lg M⌉ steps information has reached all workers.

    x_i ← x_i − η ∇L^i(x_i), sent to one worker;  x_i ← ½ (x_i + x_j), with the x_j of another one.

    In step t the workers stand in a circle, and each sends 2^(t mod ⌈lg M⌉) places ahead. After every ⌈lg M⌉ steps they
    change places: the order of the circle is drawn anew, the same for all. The `topology` is not used.
    Invariant: averaging leaves the mean of all x_m as it was. For M a power of two, ⌈lg M⌉ steps average exactly. With
    M = 1, SGD.
    Cost per step: one parameter vector, to one worker.
    Source: Daily et al. 2018, arXiv:1803.05880, from memory: dissemination with rotating partners. Its ring that passes
    the samples on is left out: each worker keeps its data.
    """

    waits_for: ClassVar[str] = "one other"
    name: Literal["gossipgrad"] = "gossipgrad"

    def unfit_topology(self, settings: Settings) -> str | None:
        return None

    def peers_each(self, settings: Settings) -> float:
        return 1.0

    def worker(self, w: Worker) -> Process:
        hops = (w.workers - 1).bit_length()
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            if hops:
                circle, places = circle_of(w.context.seed, w.workers, w.round // hops)
                place, hop = int(places[w.index]), 2 ** (w.round % hops)
                w.post(w.pack(int(circle[(place + hop) % w.workers]), w.row, round=w.round))
                sender = int(circle[(place - hop) % w.workers])
                yield from w.mix_in(self.timeout_s, {sender: 0.5})
            w.round += 1


@lru_cache(maxsize=8)
def circle_of(seed: int, workers: int, rotation: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the workers in the order of their circle, and the place of each."""
    circle = stream(seed, Purpose.ROTATION, rotation).permutation(workers)
    return circle, np.argsort(circle)
