"""With which weight each gradient enters the final model: the general framework of GoSGD's slides, made visible.

x^T = c x^0 − Σ_τ Σ_m η^τ a_m^τ ∇L^m(x_m^τ),  x^T the mean of the workers' parameters, or a server's.

Gradients and combinations are linear in the rows that they read, so the coefficients follow from the program alone:
walked backwards, it hands each row's coefficient on to the rows that it was made of. No gradient is computed for it.
c is 1 unless there is weight decay.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .errors import InputError, RunError, nearest
from .experiment import message_bytes, steps_limit
from .program import INITIAL_ROW, Apply, Grad, Op, Probe
from .sim.world import World

if TYPE_CHECKING:
    import pandas as pd

    from .results import Results
    from .scenario import Arm
    from .sim.world import Facts

LARGEST_TAPE = 20_000_000
"""Operations and the terms that they read, together: half a gigabyte, and a minute or two."""

APPLIES = "an operation that is not linear in parameters and gradients, so that no gradient has a coefficient"


class NoWeights(InputError):
    """The gradients of an arm have no such weights, or so many that they cannot be told."""


class Unrolled(NamedTuple):
    """Every gradient, in the order in which they were begun, and its coefficient in the final model, −η a; `initial`,
    the coefficient of x^0; and what the clock knows at the end.

    The `step`-th gradient of `worker` has read parameters at `time_s` and was first used at `used_s`, NaN if never.
    """

    worker: Sequence[int]
    step: Sequence[int]
    time_s: Sequence[float]
    used_s: Sequence[float]
    coefficient: Sequence[float]
    initial: float
    facts: Facts


class GradientWeights(NamedTuple):
    """Of one arm and seed, with the columns of `columns.GRADIENT_WEIGHTS`: `gradients`, a row for each, and `sums`, a
    row for each τ; and `initial`, the coefficient c of x^0."""

    gradients: pd.DataFrame
    sums: pd.DataFrame
    initial: float


class Tape:
    """A program in so few bytes that it can be kept whole: about 12 for an operation and 12 for each term."""

    def __init__(self, limit: int = LARGEST_TAPE):
        self.limit = limit
        self.outs = array("l")
        self.ends = array("q")  # of each operation's terms
        self.rows, self.factors = array("l"), array("d")
        self.gradients = array("q")  # which operations they are
        self.workers, self.steps = array("l"), array("q")
        self.time_s, self.used_s = array("d"), array("d")
        self.length = 0  # up to the last probe
        self.probe: Probe | None = None
        self._unused: dict[int, int] = {}  # by row, the gradient in it that nothing has read yet

    def record(self, ops: Iterable[Op], now_s: float) -> None:
        """Take in what was emitted at `now_s`. Raises NoWeights for what cannot be walked back, or not kept."""
        for op in ops:
            if isinstance(op, Probe):
                self.probe, self.length = op, len(self.outs)
                continue
            if isinstance(op, Apply):
                what = type(op.function).__name__
                raise NoWeights(f"its program has {APPLIES} ({what}: Adam and compression have such)")
            if isinstance(op, Grad):
                self._gradient(op, now_s)
            else:
                for factor, row in op.terms:
                    self.rows.append(row)
                    self.factors.append(factor)
                    if row in self._unused:
                        self.used_s[self._unused.pop(row)] = now_s
                self._unused.pop(op.out, None)
            self.outs.append(op.out)
            self.ends.append(len(self.rows))
        if len(self.outs) + len(self.rows) > self.limit:
            raise NoWeights(
                f"its program is too long to be kept whole: after {len(self.gradients):,} gradients, at {now_s:g} s, "
                f"it has more than {self.limit:,} operations and terms (a gradient takes about six, and a probe two "
                "for each worker); make `until` shorter, or probe more seldom"
            )

    def _gradient(self, op: Grad, now_s: float) -> None:
        self._unused[op.out] = len(self.gradients)
        self.gradients.append(len(self.outs))
        self.workers.append(op.worker)
        self.steps.append(op.step)
        self.time_s.append(now_s)
        self.used_s.append(math.nan)

    def walk_back(self, terms: Sequence[tuple[float, int]]) -> tuple[list[float], float]:
        """Of Σ coefficient · row over `terms`, as rows are at the last probe: the coefficient of each gradient, and
        that of x^0."""
        owed = [0.0] * (1 + max([INITIAL_ROW, *self.outs]))
        for coefficient, row in terms:
            owed[row] += coefficient
        found = [0.0] * len(self.gradients)
        gradient = len(self.gradients) - 1
        outs, ends, rows, factors = self.outs, self.ends, self.rows, self.factors
        for number in range(len(outs) - 1, -1, -1):
            here = gradient >= 0 and self.gradients[gradient] == number
            gradient -= here
            coefficient = owed[outs[number]]
            if coefficient == 0.0 or number >= self.length:
                continue
            owed[outs[number]] = 0.0
            if here:
                found[gradient + 1] = coefficient
                continue
            for term in range(ends[number - 1] if number else 0, ends[number]):
                owed[rows[term]] += factors[term] * coefficient
        return found, owed[INITIAL_ROW]


def unroll(arm: Arm, seed: int, limit: int = LARGEST_TAPE) -> Unrolled:
    """Run the clock of `arm` again and walk its program back.

    Raises NoWeights where there is no problem, an operation is not linear, or the program is longer than `limit`;
    RunError where the run breaks down.
    """
    if arm.problem is None:
        raise NoWeights("it has no problem, and so no gradients")
    world = World(arm, seed, message_bytes(arm), gradient_steps=steps_limit(arm))
    tape = Tape(limit)
    tape.record(world.program.take(), 0.0)
    while not world.finished:
        world.clock.step()
        if world.program.ops:
            tape.record(world.program.take(), world.clock.now_s)
    assert tape.probe is not None
    rows, facts = tape.probe.rows, tape.probe.facts
    present = facts.participants
    final = [(1.0, rows[-1])] if facts.served else [(1 / len(present), rows[m]) for m in present]
    found, initial = tape.walk_back(final)
    return Unrolled(tape.workers, tape.steps, tape.time_s, tape.used_s, found, initial, facts)


def rate(arm: Arm, step: int, used_s: float) -> float:
    """η^τ: what the arm's schedule makes of its learning rate at a worker's own step τ and the time of its first
    use."""
    assert arm.optimizer is not None
    now_s = 0.0 if math.isnan(used_s) else used_s
    return arm.optimizer.learning_rate * arm.optimizer.schedule.at(step, now_s)


def gradient_weights(name: str, arm: Arm, seed: int, limit: int = LARGEST_TAPE) -> GradientWeights:
    """The tables for arm `name`. Raises NoWeights or RunError, naming it, as `unroll` does."""
    return _tables(name, arm, seed, _unrolled(name, arm, seed, limit))


def of_run(results: Results, name: str, seed: int) -> GradientWeights:
    """The tables for an arm and a seed of `results`. Raises InputError also if there is no such arm or seed, or if what
    the clock does now is not what was recorded: a file that the scenario names is not what it was."""
    scenario = results.scenario
    if name not in scenario.arms:
        raise InputError(f"arm '{name}': there is none of that name{nearest(name, scenario.arms)}")
    if seed not in scenario.seeds:
        raise InputError(f"seed {seed}: must be from {scenario.seed} to {scenario.seeds[-1]}")
    unrolled = _unrolled(name, scenario.arms[name], seed)
    ended = [e["status"] for e in results.manifest["runs"] if (e["arm"], e["seed"]) == (name, seed)]
    if ended == ["complete"]:
        own = results.probes[(results.probes["arm"] == name) & (results.probes["seed"] == seed)].iloc[-1]
        if any(
            own[measure] != getattr(unrolled.facts, measure) for measure in ("time_s", "gradient_steps", "bytes_sent")
        ):
            raise InputError(f"arm '{name}', seed {seed}: its clock does not repeat the run; has a file changed?")
    return _tables(name, scenario.arms[name], seed, unrolled)


def _unrolled(name: str, arm: Arm, seed: int, limit: int = LARGEST_TAPE) -> Unrolled:
    try:
        return unroll(arm, seed, limit)
    except (InputError, RunError) as error:
        raise type(error)(f"arm '{name}', seed {seed}: {error}") from None


def _tables(name: str, arm: Arm, seed: int, unrolled: Unrolled) -> GradientWeights:
    import numpy as np
    import pandas as pd

    from .results import typed

    worker, step, time_s, used_s = (np.asarray(column) for column in unrolled[:4])
    eta_a = 0.0 - np.asarray(unrolled.coefficient)
    eta = np.array([rate(arm, *each) for each in zip(unrolled.step, unrolled.used_s, strict=True)])
    # At a rate of 0 nothing moves, and there is no saying with which weight it does not.
    a = np.divide(eta_a, eta, out=np.where(eta_a == 0, 0.0, math.nan), where=eta != 0)
    label = {"arm": name, "seed": seed}
    times = {"time_s": time_s, "used_s": used_s}
    each = pd.DataFrame({"worker": worker, "step": step, **times, "eta_a": eta_a, "a": a}).assign(**label)
    by_step = each.groupby("step")
    sums = pd.DataFrame(
        {
            "workers": by_step["used_s"].count(),
            "eta_a_sum": by_step["eta_a"].sum(),
            "a_sum": by_step["a"].sum(min_count=1),
        }
    )
    sums = sums.reset_index().assign(**label)
    return GradientWeights(typed("gradient_weights", each), typed("gradient_weight_sums", sums), unrolled.initial)
