"""What happens at one tick: who counts is drawn by a stream of its own, and nothing depends on the workers' numbers."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

import gossim
from gossim.rng import Purpose, stream
from gossim.sim.ties import Ties
from gossim.sim.world import World
from support.scenarios import only_arm, scenario, world_of

EQUAL: dict[str, Any] = {"compute": {"time_s": 0.1}}
SLOW_LINKS = {"network": {"latency_s": 0.25, "bandwidth_bytes_per_s": None}}


def run(world: World) -> World:
    for _ in world.windows(1000, 10**9):
        pass
    return world


def within_five_errors(counts: list[int], rounds: int, share: float) -> bool:
    """Whether each is within five standard errors of a binomial count."""
    error = math.sqrt(rounds * share * (1 - share))
    return all(abs(count - rounds * share) < 5 * error for count in counts)


@pytest.mark.parametrize(("workers", "backup"), [(4, 1), (4, 3), (9, 4), (2, 1)])
@pytest.mark.parametrize("latency_s", [0.0, 0.005])
def test_where_all_tie_each_counts_in_its_share_of_the_rounds(workers: int, backup: int, latency_s: float) -> None:
    arm = only_arm(
        algorithm={"name": "allreduce", "backup": backup},
        workers=workers,
        network={"latency_s": latency_s, "bandwidth_bytes_per_s": None},
        until={"time_s": 60.0},
        **EQUAL,
    )
    world = run(world_of(arm, seed=3))
    rounds, left = divmod(world.gradient_steps, workers - backup)
    assert rounds == 60_000 // round(100 + 2 * (workers - 1) * 1000 * latency_s)
    assert left == 0
    assert within_five_errors([worker.steps for worker in world.workers], rounds, (workers - backup) / workers)


def test_those_who_tie_for_the_last_place_share_it_and_nobody_else_is_drawn() -> None:
    """Worker 0 is always first, 3 always last, and 1 and 2 tie for the second place: steps and the sets of a round."""
    stragglers = [{"workers": [m], "factor": factor} for m, factor in ((1, 2.0), (2, 2.0), (3, 3.0))]
    arm = only_arm(
        algorithm={"name": "allreduce", "backup": 2},
        compute={"time_s": 0.1, "stragglers": stragglers},
        until={"gradient_steps": 2 * 600},
    )
    world, sets, steps = world_of(arm), Counter[tuple[int, ...]](), [0] * 4
    while not world.finished:
        world.clock.step()
        if sum(now := [worker.taken for worker in world.workers]) == sum(steps) + 2:
            sets[tuple(m for m in range(4) if now[m] > steps[m])] += 1
            steps = now
    assert set(sets) == {(0, 1), (0, 2)}
    assert within_five_errors([sets[0, 1], sets[0, 2]], 600, 0.5)


def test_every_set_of_those_that_tie_is_as_likely() -> None:
    ties, sets, draws = Ties(0), Counter[tuple[int, ...]](), 3000
    for _ in range(draws):
        sets[tuple(sorted(ties.shuffled(range(4))[:2]))] += 1
    assert set(sets) == set(itertools.combinations(range(4), 2))
    assert within_five_errors(list(sets.values()), draws, 1 / 6)


def test_without_a_tie_nothing_is_drawn() -> None:
    for algorithm in ({"name": "allreduce", "backup": 1, "timeout_s": 0.2}, {"name": "downpour"}):
        world = run(world_of(only_arm(algorithm=algorithm, until={"gradient_steps": 200})))
        assert world.context.ties._random.bit_generator.state == stream(0, Purpose.TIES).bit_generator.state


@pytest.mark.parametrize(
    "algorithm",
    [
        {"name": "allreduce", "backup": 2},
        {"name": "allreduce", "backup": 1, "timeout_s": 0.1},
        {"name": "gosgd_pull", "pull_probability": 0.7},
        {"name": "easgd", "period": 2, "moving_rate": 0.2},
        {"name": "downpour", "staleness_aware": True},
        {"name": "adpsgd"},
        {"name": "osgp", "overlap": 2},
        {"name": "osgp", "overlap": 2, "outstanding": "many"},
    ],
    ids=str,
)
def test_ties_are_broken_alike_by_both_executors_again_and_by_the_clock_alone(algorithm: dict[str, Any]) -> None:
    described = scenario(
        algorithm=algorithm,
        workers=5,
        until={"time_s": 6.0},
        network={"latency_s": 0.05, "bandwidth_bytes_per_s": None},
        **EQUAL,
    )
    batched, again = gossim.run(described), gossim.run(described)
    reference = gossim.run(described, executor="reference")
    alone = gossim.run(described, gradients=False)
    losses = [column for column in batched.probes if "loss" in column or "consensus" in column]
    assert batched.probes.equals(again.probes)
    assert batched.workers.equals(again.workers)
    np.testing.assert_allclose(batched.probes[losses[:2]], reference.probes[losses[:2]], rtol=1e-9)
    for one in (reference, alone):
        assert batched.workers.drop(columns="distance").equals(one.workers.drop(columns="distance"))
    world = run(world_of(only_arm(**_sections(algorithm)), stepwise=True))
    steps = batched.workers[batched.workers["time_s"] == batched.workers["time_s"].max()]["steps"]
    assert [worker.steps for worker in world.workers] == list(steps)


def _sections(algorithm: dict[str, Any]) -> dict[str, Any]:
    network = {"latency_s": 0.05, "bandwidth_bytes_per_s": None}
    return {"algorithm": algorithm, "workers": 5, "until": {"time_s": 6.0}, "network": network, **EQUAL}


def test_what_comes_at_the_tick_of_a_timeout_is_in_time() -> None:
    """The second worker takes 0.2 s, and the round closes 0.1 s after the first has come, after 0.1 s."""
    for factor, steps in ((2.0, [10, 10]), (2.001, [10, 0])):
        arm = only_arm(
            algorithm={"name": "allreduce", "timeout_s": 0.1},
            workers=2,
            compute={"time_s": 0.1, "stragglers": [{"workers": [1], "factor": factor}]},
            network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
            until={"time_s": 2.05},
        )
        assert [worker.steps for worker in run(world_of(arm)).workers] == steps


@pytest.mark.parametrize(("timeout_s", "lost"), [(0.04, False), (0.0399, True)])
def test_an_answer_that_comes_at_the_tick_of_the_timeout_is_in_time(timeout_s: float, lost: bool) -> None:
    """It is two latencies under way."""
    arm = only_arm(
        algorithm={"name": "easgd", "period": 1, "moving_rate": 0.2, "timeout_s": timeout_s},
        network={"latency_s": 0.02, "bandwidth_bytes_per_s": None},
        **EQUAL,
    )
    assert (run(world_of(arm)).network.messages_lost > 0) == lost


@pytest.mark.parametrize("algorithm", ["sgp", "osgp"])
def test_who_goes_on_at_the_tick_of_a_look_is_seen_whatever_the_order_of_looks(algorithm: str) -> None:
    """Each waits for the one before, and that one for the one that is down; all look at the same ticks."""
    steps = []
    for down in range(4):
        arm = only_arm(
            algorithm={"name": algorithm, "timeout_s": 0.2},
            topology="one_peer_exponential",
            network={"latency_s": 1.0, "bandwidth_bytes_per_s": None},
            faults=[{"name": "crash", "workers": [down], "at_s": 0.05}],
            until={"time_s": 3.0},
            **EQUAL,
        )
        workers = run(world_of(arm)).workers
        steps.append([workers[(down + place) % 4].steps for place in range(4)])
    assert steps[1:] == steps[:1] * 3
    assert min(steps[0][1:]) > 0


@pytest.mark.parametrize("latency_s", [0.0, 0.01])
def test_requests_of_one_tick_are_served_in_every_order(latency_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is last moves the centre most: each as often as the others."""
    algorithm = {"name": "easgd", "period": 1, "moving_rate": 0.3}
    network = {"latency_s": latency_s, "bandwidth_bytes_per_s": None}
    arm = only_arm(algorithm=algorithm, workers=3, until={"time_s": 100.0}, network=network, **EQUAL)
    world, served = world_of(arm), list[int]()
    send = world.network.send

    def watched(message: Any, *more: Any) -> None:
        if message.sender == 3:
            served.append(message.receiver)
        send(message, *more)

    monkeypatch.setattr(world.network, "send", watched)
    run(world)
    rounds = list(zip(*[iter(served)] * 3, strict=False))
    orders = Counter(rounds)
    assert len(rounds) > 500
    assert within_five_errors([orders[order] for order in itertools.permutations(range(3))], len(rounds), 1 / 6)


@pytest.mark.parametrize("latency_s", [0.0, 0.01])
def test_simultaneous_pulls_favour_nobody(latency_s: float) -> None:
    """Of two that ask one worker at one tick the first gets half of its weight, the second a quarter."""
    algorithm = {"name": "gosgd_pull", "pull_probability": 1.0}
    network = {"latency_s": latency_s, "bandwidth_bytes_per_s": None}
    arm = only_arm(algorithm=algorithm, until={"time_s": 150.0}, network=network, **EQUAL)
    world, shares = world_of(arm, learns=False), np.zeros(4)
    for second in range(1, 150):
        while world.clock.now_s < second + 0.05:
            world.clock.step()
        shares += [float(worker.alpha) for worker in world.workers]
    shares /= shares.sum()
    assert abs(shares - 0.25).max() < 0.05


@pytest.mark.parametrize("outstanding", ["one", "many"])
@pytest.mark.parametrize("latency_s", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("overlap", [1, 3])
def test_equal_workers_of_osgp_stay_equal(outstanding: str, latency_s: float, overlap: int) -> None:
    """Equal times and equal gradients on a graph that looks the same from each: no number makes a difference."""
    results = gossim.run(
        scenario(
            algorithm={"name": "osgp", "overlap": overlap, "outstanding": outstanding},
            problem={"model": {"name": "quadratic", "dim": 5}},
            topology="complete",
            network={"latency_s": latency_s, "bandwidth_bytes_per_s": None},
            until={"time_s": 3.0},
            **EQUAL,
        )
    )
    assert results.probes["consensus_max"].max() < 1e-14
    assert results.workers.groupby("time_s")["alpha"].nunique().max() == 1


@pytest.mark.parametrize(
    ("overlap", "outstanding", "step_s", "messages"),
    [(1, "one", 0.25, 1), (3, "one", 0.1, 1 / 3), (1, "many", 0.175, 1), (3, "many", 0.1, 1)],
)
def test_on_slow_links_one_exchange_at_a_time_sets_the_pace(
    overlap: int, outstanding: str, step_s: float, messages: float
) -> None:
    """0.25 s for a message and 0.1 s for a gradient. With one exchange a step waits for it, or three go by until it is
    there; with many, a step waits for what was sent in the one before, so that two take 0.25 + 0.1 s."""
    arm = only_arm(
        algorithm={"name": "osgp", "overlap": overlap, "outstanding": outstanding},
        topology="one_peer_exponential",
        until={"gradient_steps": 4 * 300},
        **SLOW_LINKS,
        **EQUAL,
    )
    world = run(world_of(arm))
    assert world.clock.now_s / 300 == pytest.approx(step_s, rel=0.01)
    assert world.network.messages_sent / world.gradient_steps == pytest.approx(messages, rel=0.02)


def back_together(algorithm: dict[str, Any], parameters: str, seed: int) -> World:
    """Three workers, of which the first fails early and the others late; all come back at one instant."""
    faults = [
        {"name": "crash", "workers": [m], "at_s": at_s, "back_after_s": 2.05 - at_s, "parameters": parameters}
        for m, at_s in enumerate((0.15, 1.05, 1.05))
    ]
    return world_of(
        only_arm(algorithm=algorithm, workers=3, faults=faults, until={"time_s": 2.5}, **EQUAL), seed, learns=True
    )


@pytest.mark.parametrize("name", ["allreduce", "gosgd_push"])
def test_who_goes_on_first_of_those_that_come_back_together_is_drawn(name: str) -> None:
    """Nobody is left to ask, and the others take over the x of the first."""
    algorithm = {"name": name, "timeout_s": 0.5} if name == "allreduce" else {"name": name, "push_probability": 0.0}
    firsts = Counter[int]()
    for seed in range(60):
        world = back_together(algorithm, "fetched", seed)
        while not world.finished and not any(worker.takes_part and world.clock.now_s > 2 for worker in world.workers):
            world.clock.step()
        firsts[next(worker.index for worker in world.workers if worker.takes_part)] += 1
    assert within_five_errors([firsts[m] for m in range(3)], 60, 1 / 3)
    assert len(firsts) == 3
