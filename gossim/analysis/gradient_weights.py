"""With which weight each gradient enters the final model: the general framework of GoSGD's slides, made visible.

x^T = c x^0 − Σ_τ Σ_m η^τ a_m^τ ∇L^m(x_m^τ),  x^T the mean of the workers' parameters, or a server's.

Gradients and combinations are linear in the rows that they read, so the coefficients follow from the program alone:
walked backwards, it hands each row's coefficient on to the rows that it was made of. No gradient is computed for it.
c is 1 unless there is weight decay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..algorithms._by_path import Unimported
from ..errors import InputError, RunError, nearest
from ..files.trust import Trust, trusting
from ..scenario.arm import Arm
from ..scenario.derived import message_bytes, steps_limit
from ..sim.probe_facts import Facts
from ..sim.world import World
from ..tables.run_data import RunData
from .replay import RecordedRun, recorded, require_repeated, why_unended
from .tape import LARGEST_TAPE, NoWeights, Tape

if TYPE_CHECKING:
    import pandas as pd


class Unrolled(NamedTuple):
    """Every gradient of a run in the order in which they began, with its coefficient −η a in the final model.

    `initial` is the coefficient of x^0. The rest is what the clock knows at the end, and what it would have
    recorded. The `step`-th gradient of `worker` read parameters at `time_s`. At `used_s` it first moved parameters
    of a worker or a server; NaN if it never did.
    """

    worker: Sequence[int]
    step: Sequence[int]
    time_s: Sequence[float]
    used_s: Sequence[float]
    coefficient: Sequence[float]
    initial: float
    facts: Facts
    recorded: RecordedRun


class GradientWeights(NamedTuple):
    """The weights of the gradients of one arm and seed, with the columns of `columns.GRADIENT_WEIGHTS`.

    `gradients` has one row for each gradient, and `sums` one for each τ. `initial` is the coefficient c of x^0.
    """

    gradients: pd.DataFrame
    sums: pd.DataFrame
    initial: float


def unroll(arm: Arm, seed: int, limit: int = LARGEST_TAPE) -> Unrolled:
    """Run the clock of an arm again and walk its program back.

    Args:
        arm: The arm.
        seed: The seed.
        limit: Operations and terms that may be kept.

    Raises:
        NoWeights: If there is no problem, an operation is not linear, or the program is longer than `limit`.
        RunError: If the run breaks down.
    """
    if arm.problem is None:
        raise NoWeights("it has no problem, and so no gradients")
    world = World(arm, arm.algorithm, seed, message_bytes(arm), gradient_steps=steps_limit(arm), stepwise=True)
    tape = Tape({node.row for node in (*world.workers, *world.servers)}, limit)
    tape.record(world.program.take(), 0.0)
    while not world.finished:
        world.clock.step()
        if world.program.ops:
            tape.record(world.program.take(), world.clock.now_s)
    assert tape.probe is not None
    rows, facts = tape.probe.rows, tape.probe.facts
    present = facts.participants
    final = (
        [(1.0, rows[-1])]
        if facts.served
        else [(share, rows[m]) for share, m in zip(facts.shares, present, strict=True)]
    )
    found, initial = tape.walk_back(final)
    known = recorded(world, facts)
    return Unrolled(tape.workers, tape.steps, tape.time_s, tape.used_s, found, initial, facts, known)


def rate(arm: Arm, worker: int, step: int, used_s: float) -> float:
    """Return η^τ: a worker's learning rate, after the schedule, at its own step τ and the time of first use."""
    assert arm.optimizer is not None
    now_s = 0.0 if math.isnan(used_s) else used_s
    return arm.optimizer.of_worker(worker).learning_rate * arm.optimizer.schedule.at(step, now_s)


def gradient_weights(name: str, arm: Arm, seed: int, limit: int = LARGEST_TAPE) -> GradientWeights:
    """Compute the tables for the arm called `name`.

    Raises:
        NoWeights, RunError: As `unroll`, naming the arm.
    """
    return _tables(name, arm, seed, _unrolled(name, arm, seed, limit))


def of_run(results: RunData, name: str, seed: int) -> GradientWeights:
    """Compute the tables for an arm and a seed of a run.

    The files that the scenario of a run directory names are opened now.

    Raises:
        InputError: If there is no such arm or seed, its gradients have no weights, its run did not come to its end,
            or the clock does not repeat what was recorded because a file, gossim or numpy has changed.
    """
    scenario = results.scenario
    if name not in scenario.arms:
        raise InputError(f"arm '{name}': no arm has that name{nearest(name, scenario.arms)}")
    if seed not in scenario.seeds:
        raise InputError(f"seed {seed}: must be from {scenario.seed} to {scenario.seeds[-1]}")
    if why := why_unended(results, name, seed):
        raise NoWeights(f"arm '{name}', seed {seed}: {why}, and so it has no final model")
    with trusting(Trust(imports=scenario.imports)):
        arm = scenario.trusted(scenario.imports).arms[name]
        if isinstance(arm.algorithm, Unimported):
            raise InputError(f"arm '{name}': {arm.algorithm.refused()}")
        unrolled = _unrolled(name, arm, seed)
    require_repeated(results, name, seed, unrolled.recorded)
    return _tables(name, arm, seed, unrolled)


def _unrolled(name: str, arm: Arm, seed: int, limit: int = LARGEST_TAPE) -> Unrolled:
    try:
        return unroll(arm, seed, limit)
    except (InputError, RunError) as error:
        raise type(error)(f"arm '{name}', seed {seed}: {error}") from None


def _tables(name: str, arm: Arm, seed: int, unrolled: Unrolled) -> GradientWeights:
    import numpy as np
    import pandas as pd

    from ..tables.frames import typed

    worker, step, time_s, used_s = (np.asarray(column) for column in unrolled[:4])
    eta_a = 0.0 - np.asarray(unrolled.coefficient)
    rates = (rate(arm, *each) for each in zip(unrolled.worker, unrolled.step, unrolled.used_s, strict=True))
    eta = np.fromiter(rates, float, len(eta_a))
    # At a rate of 0 nothing moves, and there is no saying with which weight it does not.
    a = np.divide(eta_a, eta, out=np.where(np.isnan(used_s), 0.0, math.nan), where=eta != 0)
    label = {"arm": name, "seed": seed}
    times = {"time_s": time_s, "used_s": used_s}
    each = pd.DataFrame({"worker": worker, "step": step, **times, "eta_a": eta_a, "a": a}).assign(**label)
    by_step = each.groupby("step")
    sums = pd.DataFrame(
        {
            "workers": by_step["used_s"].count(),
            "eta_a_sum": by_step["eta_a"].sum(),
            "a_sum": by_step["a"].sum().where(by_step["a"].count() == by_step.size()),
        }
    )
    sums = sums.reset_index().assign(**label)
    return GradientWeights(typed("gradient_weights", each), typed("gradient_weight_sums", sums), unrolled.initial)
