"""Checks for your own algorithm, on random small clusters.

They need no test runner: a violation is raised as an error, with a note that names the cluster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from .algorithms import Algorithm
from .cluster.bandwidth import Rates
from .cluster.link_rates import only_workers
from .scenario.arm import Arm
from .scenario.derived import message_bytes, steps_limit
from .scenario.scenario import Scenario
from .sim.clock import Clock
from .sim.fair_links import Fair
from .sim.link_sharing import Transfer
from .sim.world import World

__all__ = ["check_algorithm", "events", "trajectory", "transfer_times"]

TIMES = (0.1, {"distribution": "expon", "scale": 0.1}, {"distribution": "lognorm", "s": 1.0, "scale": 0.07})
LATENCIES = (0.0, 0.02, 0.1, {"distribution": "gamma", "a": 2.0, "scale": 0.02})
CLOCK_S, GRADIENTS_S = 24.0, 3.0
"""How long the clock runs alone, and how long with gradients."""


def check_algorithm(
    algorithm: dict[str, Any] | Algorithm,
    *,
    clusters: int = 8,
    seed: int = 0,
    faults: bool = False,
    alone_is_sgd: bool = True,
    **sections: Any,
) -> None:
    """Run an algorithm on random clusters of 1 to 5 workers and check what every algorithm has to keep.

    Both executors agree. Weights, if there are any, sum to exactly 1 at every event. No worker waits for ever. Rows
    and messages are given back. A single worker does what plain SGD does.

    Args:
        algorithm: The algorithm, or its section of a scenario.
        clusters: How many clusters to draw.
        seed: What they are drawn from.
        faults: Whether workers also go down and come back, and messages are lost.
        alone_is_sgd: Whether to check that a single worker does what plain SGD does.
        **sections: Put into each scenario, such as `workers=4` or `topology={"name": "ring"}`.

    Raises:
        AssertionError: If a check fails. ScenarioError, RunError: If the run itself refuses the algorithm.
    """
    for number in range(clusters):
        cluster = random_cluster(np.random.default_rng([seed, number]), faults) | sections
        try:
            check_clock(arm_of(algorithm, cluster | {"until": {"time_s": CLOCK_S}}), seed)
            check_executors(arm_of(algorithm, cluster), seed)
            if alone_is_sgd and not faults:
                alone = cluster | {"workers": 1}
                check_alone(arm_of(algorithm, alone), arm_of({"name": "sgd"}, alone), seed)
        except Exception as error:
            error.add_note(f"with seed {seed}, on cluster {number}: {cluster}")
            raise


def random_cluster(random: np.random.Generator, faults: bool = False) -> dict[str, Any]:
    """Draw the sections of a scenario without its arms. Worker 0 may be slow."""
    network = {
        "latency_s": LATENCIES[random.integers(len(LATENCIES))],
        "bandwidth_bytes_per_s": (None, 1e4)[random.integers(2)],
        "sharing": "none",
        "loss": 0.1 if faults else None,
    }
    churn = {
        "name": "churn",
        "mean_up_s": 4.0,
        "mean_down_s": 0.5,
        "parameters": ("kept", "fetched")[random.integers(2)],
    }
    return {
        "until": {"time_s": GRADIENTS_S},
        "workers": int(random.integers(1, 6)),
        "problem": {"model": {"name": "quadratic", "dim": 5, "gradient_noise": 0.3}},
        "optimizer": {"learning_rate": 0.05},
        "compute": {
            "time_s": TIMES[random.integers(len(TIMES))],
            "stragglers": [{"workers": [0], "factor": (1, 4)[random.integers(2)]}],
        },
        "network": network,
        "faults": [churn] if faults else [],
        "probe": {"every_s": 0.4},
        "dtype": "float64",
        "device": "cpu",
    }


def arm_of(algorithm: dict[str, Any] | Algorithm, cluster: dict[str, Any]) -> Arm:
    return Scenario.parse({**cluster, "arms": {"arm": {"algorithm": algorithm}}}, "gossim.testing").arms["arm"]


def check_clock(arm: Arm, seed: int = 0) -> None:
    """Check weights, waiting and rows kept on the timing plane alone, event by event."""
    world, end_s = World(arm, arm.algorithm, seed, 40, steps_limit(arm), one=Fraction(1)), arm.until.time_s or math.inf
    early, late = 0, math.inf  # rows kept: at most in the first quarter, at least in the last
    computed: list[int] = []
    while not world.finished:
        world.clock.step()
        world.program.take()
        if arm.algorithm.weighted:
            total = sum(worker.alpha for worker in world.workers) + world.alpha_in_flight() + world.network.alpha_lost
            assert total == 1, f"the weights sum to {total} at {world.clock.now_s:g} s"
        if world.clock.now_s < end_s / 4:
            early = max(early, kept(world))
        elif world.clock.now_s > end_s * 3 / 4:
            late = min(late, kept(world))
        if not computed and world.clock.now_s > end_s / 2:
            world.steps.settle()
            computed = [worker.gradients for worker in world.workers]
    for worker, before in zip(world.workers, computed, strict=True):
        stuck = worker.takes_part and worker.gradients == before
        assert not stuck, f"worker {worker.index} computes nothing after {end_s / 2:g} s: it waits for what never comes"
    assert late <= early, (
        f"{early} rows at most are kept in the beginning, and {late} at least in the end: give rows back (step, drop, "
        "give_back), and use up messages (merge, use_up, discard)"
    )


def kept(world: World) -> int:
    """Return the number of rows in use, without those in messages that have not arrived."""
    arrived = sum(len(message.rows) for w in world.workers for message in (*w.mailbox, *w.in_hand))
    sent = sum(len(message.rows) for message in world.network.in_flight)
    return sum(holders > 0 for holders in world.program.rows.holders) - sent + arrived


def check_executors(arm: Arm, seed: int = 0) -> None:
    """Check that the batched executor, in small windows, agrees with the reference, in which every step is an event."""
    from .execute.reference import Reference

    _, facts, rows = trajectory(arm, Reference, seed, window=10**9, stepwise=True)
    _, same_facts, same_rows = trajectory(arm, seed=seed)
    assert facts == same_facts, "a probe differs between the executors"
    check_close(rows, same_rows, "the parameters differ between the executors")


def check_alone(arm: Arm, plain: Arm, seed: int = 0) -> None:
    """Check that a single worker sends nothing and does what `plain` does."""
    (_, facts, rows), (_, plain_facts, plain_rows) = (trajectory(each, seed=seed) for each in (arm, plain))
    steps, plain_steps = facts[-1].gradient_steps, plain_facts[-1].gradient_steps
    assert not facts[-1].bytes_sent, f"a worker that is alone sends {facts[-1].bytes_sent} bytes"
    assert steps == plain_steps, f"a worker that is alone takes {steps} steps where SGD takes {plain_steps}"
    check_close(rows, plain_rows, "the parameters of a worker that is alone are not those of SGD")


def check_close(rows: list[Any], others: list[Any], rule: str) -> None:
    apart = max(float((one - other).abs().max()) for one, other in zip(rows, others, strict=True))
    assert apart < 1e-9, f"{rule}, by up to {apart:.3g}"


def transfer_times(rates: Sequence[tuple[float, float]], flows: Sequence[tuple[int, int, float, float]]) -> list[float]:
    """Return when each transfer completes where links are `fair`, in seconds.

    Args:
        rates: Of each worker, the bytes per second that it can send and that it can receive.
        flows: `(sender, receiver, bytes, start_s)` of each transfer. There is no latency.
    """
    clock, rates_of_worker = Clock(), [Rates(*each) for each in rates]
    links, ended = Fair(clock, only_workers(rates_of_worker.__getitem__)), [math.nan] * len(flows)

    def begin(number: int) -> None:
        sender, receiver, size_bytes, _ = flows[number]
        transfer = Transfer(sender, receiver, size_bytes, lambda: None, lambda: None, reliable=False)
        links.carry(transfer, 0.0, lambda: ended.__setitem__(number, clock.now_s))

    for number, (*_, start_s) in enumerate(flows):
        clock.after(start_s, partial(begin, number))
    clock.run()
    return ended


def trajectory(
    arm: Arm, executor: Any = None, seed: int = 0, window: int = 50, problem: Any = None, **more: Any
) -> tuple[World, list[Any], list[Any]]:
    """Run an arm and return what every probe saw.

    Messages have the size that they have in `gossim.run`, even if another `problem` takes the place of the arm's.

    Args:
        arm: An arm of a scenario.
        executor: The class of the executor; by default the batched one.
        seed: The seed of the run.
        window: Operations that the clock may run ahead.
        problem: A problem in place of the arm's.
        **more: Options of the world, such as `stepwise=True`.

    Returns:
        The world after its run, the facts of each probe, and the probed rows, a tensor `(M, dim)` for each probe.
    """
    from .execute.batched import Batched
    from .problems.build import build, device_named

    assert arm.problem is not None
    problem = problem or build(arm.problem, arm.workers, seed, arm.dtype, device_named("cpu"))
    facts, rows = [], []

    def measure(probed: Any, known: Any) -> None:
        facts.append(known)
        rows.append(probed.clone())

    world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), **more)
    numeric = (executor or Batched)(problem, measure)
    for ops in world.windows(window, 10**9):
        numeric.run(ops)
    return world, facts, rows


def events(arm: Arm, seed: int = 0, problem: Any = None) -> Iterator[tuple[World, dict[int, Any]]]:
    """Go through a run event by event.

    Worker m is `world.workers[m]`: its parameters are `rows[w.row]`, its weight is `w.alpha`. A message in
    `world.network.in_flight` carries `rows[message.row]` and `message.alpha`. A row that was freed keeps its last
    content until it is used again. `trajectory` is faster if the probes are enough.

    Args:
        arm: An arm of a scenario.
        seed: The seed of the run.
        problem: A problem in place of the arm's.

    Yields:
        The world before the first event and after each, and its rows, tensors `(dim,)` by number.
    """
    from .execute.reference import Reference
    from .problems.build import build, device_named

    assert arm.problem is not None
    problem = problem or build(arm.problem, arm.workers, seed, arm.dtype, device_named("cpu"))
    world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), stepwise=True)
    executor = Reference(problem, lambda rows, facts: None)
    executor.run(world.program.take())
    yield world, executor.rows
    while not world.finished:
        world.clock.step()
        executor.run(world.program.take())
        yield world, executor.rows
