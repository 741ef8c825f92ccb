"""What each algorithm sends, and that what it remembers is bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from gossim.algorithms import ALGORITHMS
from gossim.rng import Purpose, stream
from support import algorithms
from support.scenarios import only_arm, world_of

K, M, N, DEGREE = 7, 8, 800, 2
"""Steps of each worker, workers, bytes of a parameter vector, and links of a worker in the ring."""
COLLECTIVE = 2 * (M - 1) * N


def exchanges() -> int:
    """Those that M workers begin at random times, one for each gradient in the mean, until half of the last is over."""
    count = 0
    for worker in range(M):
        drawn = iter(stream(0, Purpose.PEERS, worker).random(1000))
        for computed in [1.0] * K + [0.5]:
            left = computed + math.log1p(-next(drawn))
            while left > 0:
                next(drawn)  # with whom
                count += 1
                left += math.log1p(-next(drawn))
    return count


SENT: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], float]]] = {
    "sgd": ({}, lambda p: 0),
    "allreduce": ({}, lambda p: K * COLLECTIVE),
    "gosgd_push": ({"push_probability": 1.0}, lambda p: K * M * N),
    "gosgd_pull": ({"pull_probability": 1.0}, lambda p: K * M * N),
    "local_sgd": ({}, lambda p: K // p["period"] * COLLECTIVE),
    "dpsgd": ({"order": "adapt_then_combine"}, lambda p: K * M * DEGREE * N),
    "gossip_pga": (
        {},
        lambda p: K // p["period"] * COLLECTIVE + (K - K // p["period"]) * M * DEGREE * N,
    ),
    "sgp": ({}, lambda p: K * M * DEGREE * N),
    # It sends while it computes: that of the step which has begun is on top.
    "osgp": ({}, lambda p: (K + 1) * M * DEGREE * N),
    # Likewise.
    "adpsgd": ({}, lambda p: (K + 1) * M * 2 * N),
    "downpour": ({}, lambda p: K * M * 2 * N),
    "ssp": ({}, lambda p: K * M * 2 * N),
    # Before the steps 0, τ, 2τ, …, of which there are K, and one that has begun.
    "easgd": ({}, lambda p: (K // p["period"] + 1) * M * 2 * N),
    "gradient_tracking": ({}, lambda p: K * M * DEGREE * 2 * N),
    "d2": ({}, lambda p: K * M * DEGREE * N),
    "exact_diffusion": ({}, lambda p: K * M * DEGREE * N),
    "extra": ({}, lambda p: (K + 1) * M * DEGREE * N),  # sent while it computes
    "qg_dsgdm": ({}, lambda p: K * M * DEGREE * N),
    "decentlam": ({}, lambda p: K * M * DEGREE * N),
    "gossipgrad": ({}, lambda p: K * M * N),
    "acid": ({}, lambda p: exchanges() * 2 * N),
    "slowmo": ({}, lambda p: K // p["period"] * COLLECTIVE + (K - K // p["period"]) * M * DEGREE * N),
    "noloco": ({}, lambda p: K // p["period"] * M * 2 * N),
    "fedbuff": ({}, lambda p: K // p["local_steps"] * M * 2 * N),
    "fedasync": ({}, lambda p: K // p["local_steps"] * M * 2 * N),
    "async_local_sgd": ({}, lambda p: K // p["local_steps"] * M * 2 * N),
    "ringmaster": ({"delay_bound": 100}, lambda p: K * M * 2 * N),
    "hop": ({}, lambda p: (K + 1) * M * DEGREE * N),  # sent while it computes
    "prague": ({}, lambda p: K // p["period"] * (M // p["group_size"]) * 2 * (p["group_size"] - 1) * N),
    "eager_sgd": ({}, lambda p: K * COLLECTIVE),
    # A fragment of each, and back to each, after every H/P steps.
    "decoupled_diloco": ({}, lambda p: K * p["fragments"] // p["period"] * M * 2 * N // p["fragments"]),
    "rennala": ({"batch_gradients": M}, lambda p: K * (M * 2 * N + (M - 1) * N)),
    "choco": (
        {"compression": {"name": "top_k", "fraction": 0.25}},
        lambda p: K * M * DEGREE * 2 * p["compression"]["fraction"] * N,
    ),
    "diloco": ({}, lambda p: K // p["period"] * COLLECTIVE),
    "moshpit": (
        {},
        lambda p: K // p["period"] * (M // p["group_size"]) * 2 * (p["group_size"] - 1) * N,
    ),
    "epidemic": ({}, lambda p: K * M * p["peers"] * N),
    "hierarchical": (
        {"push_probability": 1.0},
        lambda p: K * ((M // p["group_size"]) * 2 * (p["group_size"] - 1) * N + M * N),
    ),
}
"""What to set, and the bytes that K steps of each worker send, from the algorithm's parameters."""


def sent(parameters: dict[str, Any], dtype: str = "float32", message_bytes: int = N) -> int:
    """Bytes after K gradients of 0.1 s, and the half of another; messages take no time."""
    arm = only_arm(
        algorithm=parameters,
        workers=M,
        compute={"time_s": 0.1},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
        topology=algorithms.on_a_ring(parameters["name"]),
        until={"time_s": (K + 0.5) * 0.1},
        dtype=dtype,
    )
    world = world_of(arm, message_bytes=message_bytes)
    for _ in world.windows(100, 10**9):
        pass
    assert world.gradient_steps == K * M
    return world.network.bytes_sent


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_bytes_sent_are_what_the_docstring_says(name: str) -> None:
    own, formula = SENT[name]
    parameters = {**algorithms.ALGORITHMS[name], **own}
    assert sent(parameters) == formula(parameters)


def test_the_elastic_move_that_comes_first_is_that_of_the_steps_taken() -> None:
    assert sent({**algorithms.ALGORITHMS["easgd"], "order": "move_first"}) == K // 2 * M * 2 * N


def test_what_is_sent_while_computing_is_that_of_the_step_begun() -> None:
    assert sent({"name": "dpsgd", "order": "combine_then_adapt"}) == (K + 1) * M * DEGREE * N
    assert sent({"name": "osgp", "outstanding": "many"}) == K * M * DEGREE * N


@pytest.mark.parametrize(("dtype", "item"), [("float32", 4), ("float64", 8)])
@pytest.mark.parametrize(
    "compression", ["none", "sign", {"name": "random_k", "fraction": 0.25}, {"name": "top_k", "fraction": 0.25}]
)
def test_compressed_messages_have_the_bytes_counted_by_hand(compression: Any, dtype: str, item: int) -> None:
    """Of 200 numbers of `item` bytes: all, a bit of each, 50 of them, 50 with their places."""
    numbers = 200
    kept = {"none": item * numbers, "sign": numbers / 8, "random_k": item * 50, "top_k": 2 * item * 50}
    name = compression if isinstance(compression, str) else compression["name"]
    algorithm = {"name": "choco", "compression": compression, "consensus_step": 0.5}
    assert sent(algorithm, dtype=dtype, message_bytes=item * numbers) == K * M * DEGREE * kept[name]


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_what_is_remembered_of_rounds_is_bounded(name: str) -> None:
    """Who was heard in which round, however often a worker had to wait for a neighbour."""
    arm = only_arm(
        algorithm=algorithms.ALGORITHMS[name], topology=algorithms.on_a_ring(name), until={"gradient_steps": 500}
    )
    world = world_of(arm)
    for _ in world.windows(100, 10**9):
        pass
    assert all(len(worker.rounds.heard) <= 3 for worker in world.workers)
