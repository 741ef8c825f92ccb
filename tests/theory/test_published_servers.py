"""Asynchronous SGD with a server, written a second time in NumPy; its times beside closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossim.errors import ScenarioError
from support.published import ETA, IMMEDIATE, SAME, UNEVEN, Cluster, K, M, Run, taken
from support.scenarios import only_arm, world_of
from support.several import DIM

STEPS = K * M


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("bound", [2, 4, 1000])
def test_ringmaster_follows_its_published_pseudo_code(bound: int, stop: bool) -> None:
    """Maranjyan et al. 2025: x ← x − γ g; the delays of others grow by 1; those that reach R stop, or are dropped."""
    algorithm = {"name": "ringmaster", "delay_bound": bound, "stop": stop, "gradient_scale": 0.5}
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": STEPS})
    x, cluster, delays, stopped, steps = run.start[0], Cluster(), [0] * M, 0, 0
    at = [x] * M
    for m in range(M):
        cluster.begin(m)
    for m, number in cluster.ends():
        gradient = taken(run.problem, m, number, at[m])
        if delays[m] < bound:
            x = x - ETA * 0.5 * gradient
            steps += 1
            delays = [delay + 1 for delay in delays]
        if steps == STEPS:
            break
        late = [other for other in range(M) if stop and other != m and delays[other] >= bound]
        stopped += len(late)
        for other in [m, *late]:
            delays[other], at[other] = 0, x
            cluster.begin(other)
    np.testing.assert_allclose(run.rows.numpy()[-1], x, **SAME)
    assert (stopped > 10) == (stop and bound < 1000)


@pytest.mark.parametrize("stop", [True, False])
def test_rennala_follows_its_published_pseudo_code(stop: bool) -> None:
    """Tyurin, Richtárik 2023: gradients at x^k are collected until there are B; others are dropped, or given up."""
    batch = 4
    algorithm = {"name": "rennala", "batch_gradients": batch, "stop": stop}
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": STEPS})
    x, cluster, version, buffer, dropped = run.start[0], Cluster(), 0, [], 0
    at = [(x, 0)] * M
    for m in range(M):
        cluster.begin(m)
    while version < math.ceil(STEPS / batch):
        m, number = next(cluster.ends())
        point, of = at[m]
        gradient = taken(run.problem, m, number, point)
        dropped += of != version
        buffer += [gradient] if of == version else []
        anew = [m]
        if len(buffer) == batch:
            x, version, buffer = x - ETA * np.mean(buffer, axis=0), version + 1, []
            anew = list(range(M)) if stop else anew
        for other in anew:
            at[other] = x, version
            cluster.begin(other)
    np.testing.assert_allclose(run.rows.numpy()[-1], x, **SAME)
    assert (dropped > 10) == (not stop)


def test_delay_adaptive_downpour_scales_its_rate_as_published() -> None:
    """Mishchenko et al. 2022: a rate of γ M/max(M, δ), here with a worker that is 12.5 times slower than the others."""
    slow = {"stragglers": [{"workers": [0], "factor": 12.5}], **UNEVEN["compute"]}
    algorithm = {"name": "downpour", "delay_adaptive": True}
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": STEPS}, compute=slow)
    x, version, cluster, held_back = run.start[0], 0, Cluster(), 0
    cluster.seconds[0] = (12.5 * seconds for seconds in cluster.seconds[0])
    at = [(x, 0)] * M
    for m in range(M):
        cluster.begin(m)
    while version < STEPS:
        m, number = next(cluster.ends())
        point, known = at[m]
        stale = version - known
        held_back += stale > M
        x, version = x - ETA * M / max(M, stale) * taken(run.problem, m, number, point), version + 1
        at[m] = x, version
        cluster.begin(m)
    np.testing.assert_allclose(run.rows.numpy()[-1], x, **SAME)
    assert held_back >= 2


def test_two_remedies_at_once_are_refused() -> None:
    with pytest.raises(ScenarioError, match="cannot be had with staleness_aware"):
        only_arm(algorithm={"name": "downpour", "delay_adaptive": True, "staleness_aware": True})


def versions(algorithm: dict[str, Any], workers: int, time_s: Any, end_s: float) -> int:
    """Steps of the server in that time, of which messages take none."""
    arm = only_arm(
        algorithm=algorithm, workers=workers, compute={"time_s": time_s}, network=IMMEDIATE, until={"time_s": end_s},
        probe={"every_s": 1e6},
    )  # fmt: skip
    world = world_of(arm, learns=False)
    for _ in world.windows(10**6, 10**9):
        pass
    return world.servers[0].version


def test_time_of_k_batch_sync() -> None:
    """E[T] = K/(Pμ) for exponential times (arXiv:1803.01113): T is the sum of K exponential times of mean 1/(Pμ)."""
    workers, batch, mean_s, end_s = 6, 4, 0.1, 100.0
    count = versions(
        {"name": "rennala", "batch_gradients": batch, "stop": True}, workers,
        {"distribution": "expon", "scale": mean_s}, end_s,
    )  # fmt: skip
    expected = batch * mean_s / workers
    assert end_s / count == pytest.approx(expected, abs=5 * expected / math.sqrt(batch * count))


def test_with_constant_times_ringmaster_of_one_is_the_fastest_worker_alone() -> None:
    """Others never end a gradient: they are stopped before. And with R = M nobody is."""
    compute = {"time_s": 0.1, "stragglers": [{"workers": [1, 2, 3], "factor": 3}]}
    arm = only_arm(
        algorithm={"name": "ringmaster", "delay_bound": 1}, compute=compute, network=IMMEDIATE, until={"time_s": 5.05}
    )
    world = world_of(arm, learns=False)
    for _ in world.windows(10**6, 10**9):
        pass
    assert [worker.steps for worker in world.workers] == [50, 0, 0, 0]


def test_rennala_of_equal_workers_is_synchronous() -> None:
    """B = M, constant times, and what is late given up: a step in each 0.1 s, of all."""
    assert versions({"name": "rennala", "batch_gradients": 5, "stop": True}, 5, 0.1, 5.05) == 50


def local_steps_with(algorithm: dict[str, Any], server: Callable[[Any, Any, Any, int], Any]) -> None:
    """Compare a run with workers that take local steps and a `server(x, x at which one began, y, staleness)`, which
    returns its new x, or x itself where it does not move."""
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": STEPS})
    x, cluster, version = run.start[0], Cluster(), 0
    begun, y, known, count = [x] * M, [x] * M, [0] * M, [0] * M
    for m in range(M):
        cluster.begin(m)
    for _ in range(STEPS):
        m, number = next(cluster.ends())
        y[m] = y[m] - ETA * taken(run.problem, m, number, y[m])
        count[m] += 1
        if count[m] % algorithm["local_steps"] == 0:
            moved = server(x, begun[m], y[m], version - known[m])
            version += moved is not x
            x = begun[m] = y[m] = moved
            known[m] = version
        cluster.begin(m)
    np.testing.assert_allclose(run.rows.numpy()[-1], x, **SAME)
    assert version >= 10


@pytest.mark.parametrize("weight", ["square_root", "none"])
def test_fedbuff_follows_its_published_pseudo_code(weight: str) -> None:
    """Nguyen et al. 2021, algorithm 1: x ← x − η_g Σ s(τ) Δ / K, for every K changes."""
    buffer: list[Any] = []

    def server(x: Any, begun: Any, y: Any, stale: int) -> Any:
        buffer.append((begun - y) / (math.sqrt(1 + stale) if weight == "square_root" else 1))
        if len(buffer) < 3:
            return x
        x = x - 0.8 * np.sum(buffer, axis=0) / 3
        buffer.clear()
        return x

    algorithm = {"name": "fedbuff", "local_steps": 2, "buffer": 3, "server_rate": 0.8, "staleness_weight": weight}
    local_steps_with(algorithm, server)


@pytest.mark.parametrize("staleness", ["polynomial", "hinge", "constant"])
def test_fedasync_follows_its_published_equations(staleness: str) -> None:
    """Xie et al. 2019: x ← (1 − α_τ) x + α_τ y."""
    weigh = {
        "polynomial": lambda stale: (1 + stale) ** -0.7,
        "hinge": lambda stale: 1 if stale <= 2 else 1 / (0.7 * (stale - 2) + 1),
        "constant": lambda stale: 1,
    }[staleness]

    def server(x: Any, begun: Any, y: Any, stale: int) -> Any:
        return (1 - 0.6 * weigh(stale)) * x + 0.6 * weigh(stale) * y

    local_steps_with({"name": "fedasync", "local_steps": 3, "staleness": staleness, "a": 0.7, "b": 2}, server)


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_delayed_nesterov_follows_its_published_equations(spread: float) -> None:
    """Liu et al. 2024, algorithm 3."""
    eta, beta, n = 0.5, 0.6, 3
    state: dict[str, Any] = {"t": 0, "m": np.zeros(DIM), "total": np.zeros(DIM)}

    def server(x: Any, begun: Any, y: Any, stale: int) -> Any:
        g = begun - y
        state["total"], state["t"] = state["total"] + g, state["t"] + 1
        if state["t"] % n == 0:
            state["m"], state["total"] = beta * state["m"] + state["total"] / n, np.zeros(DIM)
            return x - eta * ((1 - spread * n + spread) * beta * state["m"] + g / n)
        return x - eta * (spread * beta * state["m"] + g / n)

    algorithm = {
        "name": "async_local_sgd", "local_steps": 2, "delay": n, "server_rate": eta, "server_momentum": beta,
        "spread": spread,
    }  # fmt: skip
    local_steps_with(algorithm, server)


def test_time_of_k_batch_async() -> None:
    """E[T] = K E[X]/P for every law of X (arXiv:1803.01113), here a log-normal one: nobody is ever stopped."""
    workers, batch, end_s = 5, 3, 60.0
    law = {"distribution": "lognorm", "s": 1.0, "scale": 0.1}
    algorithm = {"name": "fedbuff", "local_steps": 1, "buffer": batch, "staleness_weight": "none"}
    expected = batch * 0.1 * math.exp(0.5) / workers
    count = versions(algorithm, workers, law, end_s)
    spread = math.sqrt(math.e - 1)  # of X, in units of its mean
    assert end_s / count == pytest.approx(expected, abs=5 * expected * spread / math.sqrt(batch * count))
