from __future__ import annotations

from typing import ClassVar, Literal

from ..schema.fields import Count
from ..settings import Settings
from ..sim.worker import Worker
from ._base import Process
from ._families import InRounds


class OSGP(InRounds):
    """Overlapped stochastic gradient push: SGP that continues to compute while its messages are in flight.

    As `sgp`, u_i and w_i travel together, so x_i = u_i/w_i stays right however late they come; for w_i (here α_i M)
    less what is under way, a step of η/w_i. `outstanding` says how many exchanges a worker may have under way.

    `one`, as published: send to those of exchange k; take steps until what is sent to it in exchange k is all there,
    looking after each, and after `overlap` steps wait for it; merge; then the same with exchange k + 1.
    `many`: an exchange in each step k, sent after it, and after it wait only for what was sent in step k − `overlap` or
    before; what has come since is merged too.
    What comes at the instant at which a worker looks is there, whatever the order of events within that instant.

    Invariant: Σα = 1, in flight included; communication leaves Σ α_m x_m as it was.
    Cost: one parameter vector to each of those to whom it sends, for each exchange: with `one` from 1/`overlap` of a
    step (slow links) to one step (fast ones), with `many` one step.
    Source: Assran et al. 2019, arXiv:1811.10792, algorithm 2, and the authors' public code, in which `synch_freq` is
    `overlap` − 1, and which sends first of all, before its first gradient.
    """

    weighted: ClassVar[bool] = True
    counts_samples: ClassVar[bool] = True
    waits_for: ClassVar[str] = "those of an earlier exchange"
    name: Literal["osgp"] = "osgp"
    overlap: Count = 1
    outstanding: Literal["one", "many"] = "one"

    def unfit_topology(self, settings: Settings) -> str | None:
        return None

    def worker(self, w: Worker) -> Process:
        return self.with_one(w) if self.outstanding == "one" else self.with_many(w)

    def with_one(self, w: Worker) -> Process:
        while True:
            w.spread(w.neighbours(), round=w.round)
            w.expect(w.weights())
            steps, came = 0, None
            while came is None:
                yield from self.one_step(w)
                steps += 1
                came = yield from w.gathered(steps >= self.overlap, self.timeout_s)
            for message in came:
                w.merge(message)
            w.round += 1

    def with_many(self, w: Worker) -> Process:
        while True:
            yield from self.one_step(w)
            w.spread(w.neighbours(), round=w.round)
            due = w.weights(self.overlap) if w.round >= self.overlap else {}
            for message in (yield from w.gather(due, self.timeout_s, self.overlap)):
                w.merge(message)
            w.round += 1

    def one_step(self, w: Worker) -> Process:
        """Compute a gradient, and take a step along it of η/w_i in terms of x."""
        gradient = w.gradient()
        yield w.compute()
        w.step(gradient, scale=w.counts_for / (w.workers * float(w.alpha)))
