from __future__ import annotations

import itertools
from typing import ClassVar, Literal

from pydantic import model_validator

from ..schema.fields import Count, Fraction01, Positive, Quantity
from ..schema.violations import broken_at
from ..settings import Settings
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.server import Server
from ..sim.worker import Worker
from ._base import Process
from ._compressing import Compressing, Compressor
from ._fragments import NormFunction, ProductFunction, UnitFunction, fragment, fragment_bytes, refuse_uneven


def _version(message: Message) -> int:
    return message.version or 0


class DecoupledDiLoCo(Compressing):
    """Decoupled DiLoCo: learners never wait; a syncer takes an outer step along what a quorum of them has changed.

    Learner: every H/P steps it sends Δ = θ̂ − θ_m on the next of P = `fragments`, with n, its steps since it got that
    fragment, if n > 0. When a fragment comes, after a step: θ̂ ← θ;  θ_m ← (1 − α) θ + α θ_m on it, α = `mix`.
    Syncer: `grace_s` after `quorum` learners have sent a Δ of a fragment, or when all have: of each the last one, with
    weight w = tokens²/n = n b² for batches of b;  Δ = (Σ w ‖Δ_m‖/Σ w) · unit(Σ w unit(Δ_m)), or with `average: mean`
    Σ w Δ_m/Σ w;  v ← μv + Δ;  θ ← θ − η(Δ + μv);  θ, on that fragment, to all. η = `outer_rate`, μ = `outer_momentum`.

    A Δ that was taken before the last θ came counts like any other. A learner that is down is missed by nobody, and
    begins again with what it has. Losses are those of the syncer's θ. With M = 1, SGD.
    Where all take as long for a step, messages take no time, and `quorum` is M, with `average: mean`, `diloco` with
    `overlap_steps: 1`.
    Cost: P-ths of a parameter vector, one to the syncer every H/P steps, and one to each learner for each outer step.
    Source: arXiv:2604.21428, from a summary of three public re-implementations; against a second implementation.
    """

    servers: ClassVar[int] = 1
    family: ClassVar[str] = "local steps"
    name: Literal["decoupled_diloco"] = "decoupled_diloco"
    period: Count
    quorum: Count
    grace_s: Quantity = 0.0
    fragments: Count = 1
    mix: Fraction01 = 0.0
    average: Literal["norm_and_direction", "mean"] = "norm_and_direction"
    outer_rate: Positive = 0.7
    outer_momentum: Fraction01 = 0.9

    @model_validator(mode="after")
    def _fragments_come_in_turn(self) -> DecoupledDiLoCo:
        refuse_uneven(self.fragments, self.period)
        if self.compresses and self.fragments > 1:
            raise broken_at(("fragments",), self.fragments, "must be 1 with compression, which is of whole vectors")
        return self

    def unfit(self, settings: Settings) -> str | None:
        many = settings.workers > 1 and self.quorum > settings.workers
        return f"quorum = {self.quorum}: must be at most the number of workers, {settings.workers}" if many else None

    def worker(self, w: Worker) -> Process:
        if w.alone:
            yield from w.local_steps()
        count = self.fragments
        anchors = [fragment(w, w.row, number, count) for number in range(count)]
        compress = Compressor(w, self)
        begun, versions = [w.steps] * count, [0] * count
        for number in itertools.cycle(range(count)):
            for _ in range(self.period // count):
                yield from w.local_steps(1)
                came = sorted(w.receive(), key=_version)
                newest = {message.note: message for message in came}
                for message in came:
                    place, version = message.note, _version(message)
                    if message is newest[place] and version > versions[place]:
                        begun[place], versions[place] = w.steps, version
                        own = fragment(w, w.row, place, count)
                        w.combine(w.row, (1.0, w.row), (self.mix - 1, own), (1 - self.mix, message.row))
                        w.combine(anchors[place], (1.0, message.row))
                        w.drop(own)
                    w.use_up(message)
            if w.steps == begun[number]:
                continue  # it has just come
            change = fragment(w, w.row, number, count)
            w.combine(change, (1.0, anchors[number]), (-1.0, change))
            compress(change)
            size_bytes = compress.size_bytes or fragment_bytes(w, number, count)
            note = number, w.steps - begun[number]
            w.ask(w.server(), "add", [change], by_lot=False, meanwhile=True, size_bytes=size_bytes, note=note)
            w.drop(change)

    def add(self, syncer: Server, message: Message, reply: Reply) -> None:
        """Keep a change, and merge those of the fragment after the syncer has waited for long enough."""
        number, _ = message.note
        if syncer.hold(message, number):
            count, learners = len(syncer.held(number)), len(syncer.known)
            if count == learners:
                syncer.later(0.0, number, self.merge)
            elif count == self.quorum:
                syncer.later(self.grace_s, number, self.merge)

    def merge(self, syncer: Server, number: int) -> None:
        """Take an outer step along the changes of a fragment, and send it to all."""
        problem, changes, velocity = syncer.context.settings.problem, syncer.held(number), f"velocity {number}"
        batches = problem.batch_sizes(len(syncer.known)) if problem else [1] * len(syncer.known)
        weights = [message.note[1] * batches[message.sender] ** 2 for message in changes]
        change = self.averaged(syncer, [w / sum(weights) for w in weights], [message.row for message in changes])
        syncer.let_go(number)
        v, eta, mu = syncer.kept(velocity), self.outer_rate, self.outer_momentum
        syncer.combine(v, (mu, v), (1.0, change))
        syncer.combine(syncer.row, (1.0, syncer.row), (-eta, change), (-eta * mu, v))
        syncer.drop(change)
        syncer.version += 1
        part = fragment(syncer, syncer.row, number, self.fragments)
        for learner in syncer.known:
            syncer.send(learner, part, fragment_bytes(syncer, number, self.fragments), number)
        syncer.drop(part)

    def averaged(self, syncer: Server, shares: list[float], changes: list[int]) -> int:
        """Return a new row with the average of changes."""
        average = syncer.draft()
        if self.average == "mean":
            syncer.combine(average, *zip(shares, changes, strict=True))
            return average
        units, norms = [syncer.draft() for _ in changes], [syncer.draft() for _ in changes]
        for change, unit, norm in zip(changes, units, norms, strict=True):
            syncer.apply(unit, UnitFunction(), (change,))
            syncer.apply(norm, NormFunction(), (change,))
        length = syncer.draft()
        syncer.combine(length, *zip(shares, norms, strict=True))
        syncer.combine(average, *zip(shares, units, strict=True))
        syncer.apply(average, UnitFunction(), (average,))
        syncer.apply(average, ProductFunction(), (length, average))
        for row in (*units, *norms, length):
            syncer.drop(row)
        return average
