"""The published pseudo-code written a second time, in NumPy, against every point at which a gradient was taken.

Only the gradients are shared: those that the run took, at points that are compared first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gossim.rng import Purpose, stream
from gossim.testing import trajectory
from support.published import ETA, IMMEDIATE, RING, SAME, K, M, Run, Vectors, ends, taken
from support.scenarios import only_arm
from support.several import DIM


def test_dpsgd_follows_its_published_equations() -> None:
    """Lian et al. 2017, algorithm 1: x_{k+1,i} = Σ_j W_ij x_{k,j} − γ ∇F_i(x_{k,i})."""
    run = Run({"name": "dpsgd"})
    x = run.start
    for k in range(K):
        x = RING @ x - ETA * run.gradients(k, x)


def test_dpsgd_that_steps_first_follows_its_published_equations() -> None:
    run = Run({"name": "dpsgd", "order": "adapt_then_combine"})
    x = run.start
    for k in range(K):
        x = RING @ (x - ETA * run.gradients(k, x))


@pytest.mark.parametrize("topology", ["static_exponential", "one_peer_exponential", "star"])
def test_stochastic_gradient_push_follows_its_published_equations(topology: str) -> None:
    """Assran et al. 2019, algorithm 1: u ← P (u − γ ∇F(z)); w ← P w; z = u/w, with P_ij = 1/(number of j's receivers,
    itself included). On a star w is not 1."""
    run = Run({"name": "sgp"}, topology=topology)
    hops = [1, 2, 4]  # below M = 5
    u, w = run.start, np.ones(M)
    for k in range(K):
        receives = np.eye(M)
        if topology == "star":
            receives[0], receives[:, 0] = 1, 1
        for hop in {"static_exponential": hops, "one_peer_exponential": [hops[k % 3]]}.get(topology, []):
            for j in range(M):
                receives[(j + hop) % M, j] = 1
        p = receives / receives.sum(axis=0)
        z = u / w[:, None]
        u, w = p @ (u - ETA * run.gradients(k, z)), p @ w
    assert (topology == "star") == (abs(w - 1).max() > 0.1)


@pytest.mark.parametrize("fraction", [0.2, 0.5, 1.0])
def test_choco_with_the_largest_numbers(fraction: float) -> None:
    """Koloskova, Stich, Jaggi 2019, algorithm 2, with x̂ of every worker kept in full."""
    gamma, kept = 0.3, int(np.ceil(fraction * DIM))
    run = Run(
        {"name": "choco", "compression": {"name": "top_k", "fraction": fraction}, "consensus_step": gamma},
    )
    x, public = run.start, np.zeros((M, DIM))
    for k in range(K):
        half = x - ETA * run.gradients(k, x)
        q = half - public
        for row in q:
            row[np.argsort(abs(row))[: DIM - kept]] = 0
        public = public + q
        x = half + gamma * (RING @ public - public)


def test_gradient_tracking_follows_its_published_equations() -> None:
    """Nedić, Olshevsky, Shi 2017, DIGing: x ← W x − α y; y ← W y + ∇f(x new) − ∇f(x old), y = ∇f(x) at first."""
    run = Run({"name": "gradient_tracking"}, compute={"time_s": 0.1})
    x = run.start
    old = run.gradients(0, x)
    y = old
    for k in range(1, K):
        x = RING @ x - ETA * y
        new = run.gradients(k, x)
        y = RING @ y + new - old
        old = new


def test_diloco_follows_its_published_equations() -> None:
    """Douillard et al. 2023, algorithm 1, with SGD inside and Nesterov's momentum outside."""
    rate, mu, period = 0.7, 0.9, 4
    outer = {"learning_rate": rate, "momentum": mu, "nesterov": True}
    run = Run({"name": "diloco", "period": period, "outer": outer})
    theta, velocity, x = run.start[0], np.zeros(DIM), run.start
    for k in range(K):
        x = x - ETA * run.gradients(k, x)
        if (k + 1) % period == 0:
            delta = theta - x.mean(axis=0)
            velocity = mu * velocity + delta
            theta = theta - rate * (delta + mu * velocity)
            x = np.tile(theta, (M, 1))


@pytest.mark.parametrize(("fragments", "late", "mix"), [(2, 0, 0.0), (2, 1, 0.5), (1, 3, 0.25), (4, 0, 0.5)])
def test_streaming_diloco_follows_its_published_equations(fragments: int, late: int, mix: float) -> None:
    """Douillard et al. 2025: fragment p is sent every H steps, p·H/P of them after fragment 0, and merged τ later."""
    rate, mu, period = 0.7, 0.9, 4
    outer = {"learning_rate": rate, "momentum": mu, "nesterov": True}
    algorithm = {"name": "diloco", "period": period, "outer": outer}
    run = Run({**algorithm, "fragments": fragments, "overlap_steps": late, "mix": mix})
    theta, velocity, x, under_way = run.start[0].copy(), np.zeros(DIM), run.start, {}
    parts = [range(DIM * p // fragments, DIM * (p + 1) // fragments) for p in range(fragments)]
    for k in range(1, K + 1):
        x = x - ETA * run.gradients(k - 1, x)
        for p, part in enumerate(parts):
            if k % period == (p + 1) * period // fragments % period:
                under_way[k + late] = part, theta[part] - x[:, part].mean(axis=0)
        if k in under_way:
            part, delta = under_way[k]
            velocity[part] = mu * velocity[part] + delta
            theta[part] = theta[part] - rate * (delta + mu * velocity[part])
            x[:, part] = (1 - mix) * theta[part] + mix * x[:, part]


def test_gossip_pga_follows_its_published_equations() -> None:
    """Chen et al. 2021, algorithm 1."""
    run = Run({"name": "gossip_pga", "period": 4})
    x = run.start
    for k in range(K):
        half = x - ETA * run.gradients(k, x)
        x = RING @ half if (k + 1) % 4 else np.tile(half.mean(axis=0), (M, 1))


@pytest.mark.parametrize("order", ["published", "move_first"])
@pytest.mark.parametrize("period", [1, 3])
def test_elastic_averaging_follows_its_published_equations(period: int, order: str) -> None:
    """Zhang, Choromanska, LeCun 2015, algorithm 1, messages in no time: x ← x_m; if τ divides t_m the elastic move of
    x_m and x̃ by α(x − x̃); then x_m ← x_m − η g(x). And with the gradient after the move, which comes after τ steps."""
    rho, steps = 0.3, K * M
    run = Run(
        {"name": "easgd", "period": period, "moving_rate": rho, "order": order},
        network=IMMEDIATE,
        until={"gradient_steps": steps},
    )
    x, centre, count = [*run.start], run.start[0], [0] * M
    at = [*x]

    def move(m: int) -> None:
        nonlocal centre
        apart = rho * (x[m] - centre)
        x[m], centre = x[m] - apart, centre + apart

    workers = ends(7)
    for _ in range(steps):
        m = next(workers)
        x[m] = x[m] - ETA * taken(run.problem, m, count[m], at[m])
        count[m] += 1
        at[m] = x[m]  # the next gradient begins now: at x from before the move
        if count[m] % period == 0:
            move(m)
            if order == "move_first":
                at[m] = x[m]
    np.testing.assert_allclose(run.rows.numpy(), [*x, centre], **SAME)


@pytest.mark.parametrize(("order", "grows"), [("published", True), ("move_first", False)])
def test_where_the_gradient_of_easgd_is_taken_decides_whether_it_is_stable(order: str, grows: bool) -> None:
    """Curvatures up to h = 3, τ = 1, α = 0.9/4, η = 0.62, 300 steps of each of four workers, without noise.

    |1 − ηh − α| = 1.085 > 1 where the gradient is taken before the move; |1 − ηh| (1 − α) = 0.67 where it is after.
    """
    eta, alpha, workers, rounds, h = 0.62, 0.225, 4, 300, np.array([1.0, 3.0])
    factors = [1.0, 1.0101, 1.0307, 1.0709]  # nobody ties
    arm = only_arm(
        algorithm={"name": "easgd", "period": 1, "moving_rate": alpha, "order": order},
        problem={"model": {"name": "quadratic", "dim": 2, "condition_number": 3.0, "gradient_noise": 0.0}},
        optimizer={"learning_rate": eta},
        compute={
            "time_s": 0.1,
            "stragglers": [{"workers": [m], "factor": factor} for m, factor in enumerate(factors) if factor > 1],
        },
        network=IMMEDIATE,
        workers=workers,
        until={"gradient_steps": workers * rounds},
        probe={"every_s": 1e6},
    )
    _, _, rows = trajectory(arm)
    x, centre, at = np.zeros((workers, 2)), np.zeros(2), np.zeros((workers, 2))
    ended = sorted((factor * k, m) for m, factor in enumerate(factors) for k in range(1, 2 * rounds))
    for _, m in ended[: workers * rounds]:
        x[m] -= eta * h * (at[m] - 1)
        at[m], apart = x[m], alpha * (x[m] - centre)
        x[m], centre = x[m] - apart, centre + apart
        if order == "move_first":
            at[m] = x[m]
    np.testing.assert_allclose(rows[-1][-1].numpy(), centre, rtol=1e-6)
    assert (abs(centre).max() > 1e11) == grows
    assert grows or abs(centre - 1).max() < 1e-6


@pytest.mark.parametrize("overlap", [1, 2, 3])
@pytest.mark.parametrize("topology", ["static_exponential", "one_peer_exponential"])
@pytest.mark.parametrize("latency", [0.0, 0.01, 0.1, 0.25])
def test_overlapped_push_with_one_exchange(overlap: int, topology: str, latency: float) -> None:
    """Assran et al.'s public code, `overlap` with `synch_freq` = `overlap` − 1: before each forward pass, if the
    exchange under way is complete or that many steps old (then wait for it), add what came to u and w and begin the
    next: keep a part of u and w, send the others; then u ← u − η ∇F(u/w). Times are whole milliseconds.
    """
    times = [100, 100, 110, 170, 60]  # two tie, and 0.25 s meets ends of steps
    factors = [{"workers": [m], "factor": ms / 60} for m, ms in enumerate(times) if ms > 60]
    run = Run(
        {"name": "osgp", "overlap": overlap},
        topology=topology,
        network={"latency_s": latency, "bandwidth_bytes_per_s": None},
        compute={"time_s": 0.06, "stragglers": factors},
        until={"time_s": 2.9995},
    )
    delay, hops = round(1000 * latency), [1, 2, 4]

    def hops_in(exchange: int) -> list[int]:
        return hops if topology == "static_exponential" else [hops[exchange % 3]]

    u, w = [*run.start], np.ones(M)
    exchange, age, count, messages = [-1] * M, [0] * M, [0] * M, 0
    came: list[dict[tuple[int, int], tuple[int, Vectors, float]]] = [{} for _ in range(M)]
    ends_at = np.array([0] * M)
    for now in range(3000):
        looking = [m for m in range(M) if ends_at[m] <= now]
        for m in looking:
            if ends_at[m] == now and now:  # a gradient is ready
                z = u[m] / w[m]
                u[m] = u[m] - ETA * taken(run.problem, m, count[m], z)
                count[m] += 1
                age[m] += 1
        changed = True
        while changed:  # until nothing more follows within this instant
            changed = False
            for m in list(looking):
                due = [((m - hop) % M, exchange[m]) for hop in hops_in(exchange[m])] if exchange[m] >= 0 else []
                if all(key in came[m] and came[m][key][0] <= now for key in due):
                    for key in due:
                        _, more, weight = came[m].pop(key)
                        u[m], w[m] = u[m] + more, w[m] + weight
                    exchange[m], age[m] = exchange[m] + 1, 0
                    receivers = [(m + hop) % M for hop in hops_in(exchange[m])]
                    u[m], w[m] = u[m] / (len(receivers) + 1), w[m] / (len(receivers) + 1)
                    for receiver in receivers:
                        came[receiver][m, exchange[m]] = now + delay, u[m], w[m]
                        messages += 1
                    looking.remove(m)
                    ends_at[m] = now + times[m]
                    changed = True
        for m in looking:
            if age[m] < overlap:
                ends_at[m] = now + times[m]  # not all is there: go on
    assert run.world.network.messages_sent == messages
    assert [worker.steps for worker in run.world.workers] == count
    held = [float(worker.alpha) * M for worker in run.world.workers]
    np.testing.assert_allclose(held, w, **SAME)
    np.testing.assert_allclose(run.rows.numpy(), np.array(u) / w[:, None], **SAME)


@pytest.mark.parametrize("aware", [False, True])
def test_downpour_follows_its_published_equations(aware: bool) -> None:
    """Dean et al. 2012 with n_push = n_fetch = 1; staleness-aware: Zhang et al. 2016, the rate over the staleness."""
    scale, steps = 0.4, K * M
    algorithm = {"name": "downpour", "gradient_scale": scale, "staleness_aware": aware}
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": steps})
    x, centre, count, known = [*run.start], run.start[0], [0] * M, [0] * M
    order = ends(7)
    for version in range(steps):
        m = next(order)
        stale = max(1, version - known[m]) if aware else 1
        centre = centre - ETA * scale / stale * taken(run.problem, m, count[m], x[m])
        x[m], count[m], known[m] = centre, count[m] + 1, version + 1
    np.testing.assert_allclose(run.rows.numpy(), [*x, centre], **SAME)


def test_adpsgd_follows_its_published_equations() -> None:
    """Lian et al. 2018, algorithm 1: the gradient is taken, then the pair averages, then the step; in no time."""
    steps = K * M
    run = Run({"name": "adpsgd"}, network=IMMEDIATE, until={"gradient_steps": steps}, topology="complete")
    uniform = [iter(stream(7, Purpose.PEERS, m).random(4096)) for m in range(M)]
    x, count = [*run.start], [0] * M

    def begin(m: int) -> Vectors:
        others = [other for other in range(M) if other != m]
        peer = others[int(next(uniform[m]) * (M - 1))]
        at = x[m]
        x[m] = x[peer] = (x[m] + x[peer]) / 2
        return at

    at = [begin(m) for m in range(M)]  # all are at one point still
    order = ends(7)
    for _ in range(steps):
        m = next(order)
        x[m] = x[m] - ETA * taken(run.problem, m, count[m], at[m])
        count[m] += 1
        at[m] = begin(m)
    np.testing.assert_allclose(run.rows.numpy(), x, **SAME)


def test_epidemic_learning_follows_its_published_equations() -> None:
    """De Vos et al. 2023, without rounds: a step, x to k others, the mean of the own and of what came since."""
    steps, peers = K * M, 2
    run = Run(
        {"name": "epidemic", "peers": peers}, network=IMMEDIATE, until={"gradient_steps": steps}, topology="complete"
    )
    uniform = [iter(stream(7, Purpose.PEERS, m).random(4096)) for m in range(M)]
    came: list[list[Any]] = [[] for _ in range(M)]
    x, count = [*run.start], [0] * M
    order = ends(7)
    for _ in range(steps):
        m = next(order)
        x[m] = x[m] - ETA * taken(run.problem, m, count[m], x[m])
        count[m] += 1
        others = [other for other in range(M) if other != m]
        for _ in range(peers):
            came[others.pop(int(next(uniform[m]) * len(others)))].append(x[m])
        x[m] = np.mean([x[m], *came[m]], axis=0)
        came[m] = []
    np.testing.assert_allclose(run.rows.numpy(), x, **SAME)
