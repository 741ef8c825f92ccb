"""Algorithms that go on without the slow ones, written a second time in NumPy."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import pytest

from gossim.rng import Purpose, stream
from support.published import ETA, IMMEDIATE, SAME, UNEVEN, Cluster, K, M, Run, taken
from support.scenarios import only_arm, world_of
from support.several import DIM

SEED = 7
SLOW = {"compute": {**UNEVEN["compute"], "stragglers": [{"workers": [0], "factor": 5}]}}


def seconds(m: int, slow: bool) -> np.ndarray:
    """How long the gradients of worker m take, with worker 0 five times slower than the others."""
    return 0.1 * np.exp(0.4 * stream(SEED, Purpose.COMPUTE, m).standard_normal(512)) * (5 if slow and m == 0 else 1)


@pytest.mark.parametrize(("backup", "gap"), [(0, 1), (1, 1), (1, 3), (2, 4)])
def test_hop_follows_its_published_waiting_times(backup: int, gap: int) -> None:
    """Luo et al. 2019: begins b(r), a latency L, and all times by max and plus; on a ring, W_ij = 1/3.

    m_i(r) = max(b_i(r) + X_i(r), the time of the (2 − backup)-th message of round r);  of those that have come by then
    the mean;  b_i(r+1) = max(m_i(r), b_j(r + 1 − gap) + L of all neighbours j).
    """
    latency, rounds = 0.03, 18
    network = {"latency_s": latency, "bandwidth_bytes_per_s": None}
    run = Run({"name": "hop", "backup": backup, "gap": gap}, network=network, until={"time_s": 20}, **SLOW)
    took = np.array([seconds(m, slow=True) for m in range(M)])
    begins, x, alone = np.zeros((rounds + 1, M)), run.start, 0
    for r in range(rounds):
        gradients, old = run.gradients(r, x), x
        x, mixed = np.empty_like(old), np.empty(M)
        for i in range(M):
            neighbours = [(i - 1) % M, (i + 1) % M]
            come = sorted(begins[r, j] + latency for j in neighbours)
            mixed[i] = max([begins[r, i] + took[i, r], *come[: 2 - backup]])
            heard = [j for j in neighbours if begins[r, j] + latency <= mixed[i]]
            alone += len(heard) < 2
            x[i] = np.mean([old[j] for j in (i, *heard)], axis=0) - ETA * gradients[i]
        for i in range(M):
            late = [begins[r + 1 - gap, j] + latency for j in ((i - 1) % M, (i + 1) % M)] if r + 1 >= gap else []
            begins[r + 1, i] = max([mixed[i], *late])
        for i in range(M):
            apart = begins[: r + 2, [(i - 1) % M, (i + 1) % M]] <= begins[r + 1, i]
            assert (apart.sum(axis=0) - 1 >= r + 1 - gap).all(), "neighbours are at most `gap` rounds apart"
    assert (alone > 5) == (backup > 0)


@pytest.mark.parametrize(("group_size", "lead"), [(2, None), (2, 1), (3, 0)])
def test_prague_follows_its_published_pseudo_code(group_size: int, lead: int | None) -> None:
    """Luo et al. 2020: who asks without a group has all divided that have none, but those far behind it."""
    steps, period = K * M, 2
    algorithm = {"name": "prague", "group_size": group_size, "period": period, "lead": lead}
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": steps}, **SLOW)
    took = [iter(seconds(m, slow=True)) for m in range(M)]
    queue = [(next(took[m]), m) for m in range(M)]
    heapq.heapify(queue)
    x, count, averages, divisions, left_out = [*run.start], [0] * M, [0] * M, 0, 0
    group_of: dict[int, list[int]] = {}
    come: set[int] = set()
    for _ in range(steps):
        now, m = heapq.heappop(queue)
        x[m] = x[m] - ETA * taken(run.problem, m, count[m], x[m])
        count[m] += 1
        again = [m]
        if count[m] % period == 0:
            if m not in group_of:
                idle = [j for j in range(M) if j not in group_of]
                near = [j for j in idle if lead is None or averages[j] >= averages[m] - lead]
                left_out += len(idle) - len(near)
                drawn = stream(SEED, Purpose.DIVISION, divisions).permutation(near).tolist()
                divisions += 1
                for start in range(0, len(drawn), group_size):
                    group = drawn[start : start + group_size]
                    group_of |= dict.fromkeys(group, group)
            group = group_of[m]
            come.add(m)
            again = []
            if come >= set(group):
                mean = np.mean([x[j] for j in group], axis=0)
                for j in group:
                    x[j], averages[j] = mean, averages[j] + 1
                    group_of.pop(j)
                    come.remove(j)
                again = group
        for j in again:
            heapq.heappush(queue, (now + next(took[j]), j))
    np.testing.assert_allclose(run.rows.numpy(), np.array(x), **SAME)
    assert (left_out > 3) == (lead is not None)


@pytest.mark.parametrize("trigger", ["solo", "majority"])
def test_eager_sgd_follows_its_published_pseudo_code(trigger: str) -> None:
    """Li et al. 2020: the sum of what has come when the first does, or the one drawn; the rest is in the next."""
    steps = 60
    run = Run({"name": "eager_sgd", "trigger": trigger}, network=IMMEDIATE, until={"gradient_steps": steps}, **SLOW)
    took = [iter(seconds(m, slow=True)) for m in range(M)]
    queue = [(next(took[m]), m) for m in range(M)]
    heapq.heapify(queue)
    x, number, count, moved = run.start[0], 0, [0] * M, 0
    at: list[Any] = [x] * M
    buffer: list[Any] = []
    waiting: list[int] = []
    missed: set[int] = set()
    stale = 0
    while moved < steps:
        now, m = heapq.heappop(queue)
        buffer.append(taken(run.problem, m, count[m], at[m]))
        stale += m in missed
        count[m] += 1
        again = [m] if m in missed else []
        waiting += [] if m in missed else [m]
        missed -= {m}
        drawn = int(stream(SEED, Purpose.INITIATOR, number).integers(M))
        if waiting and (trigger == "solo" or drawn in waiting):
            x, moved, number = x - ETA * np.sum(buffer, axis=0) / M, moved + len(buffer), number + 1
            missed |= set(range(M)) - set(waiting) - set(again)
            buffer, again, waiting = [], again + waiting, []
        for j in again:
            at[j] = x
            heapq.heappush(queue, (now + next(took[j]), j))
    np.testing.assert_allclose(run.rows.numpy(), np.tile(x, (M, 1)), **SAME)
    assert stale > 5


@pytest.mark.parametrize("average", ["norm_and_direction", "mean"])
@pytest.mark.parametrize(("quorum", "grace_s"), [(2, 0.0), (3, 0.15), (5, 0.0)])
def test_decoupled_diloco_follows_its_published_pseudo_code(quorum: int, grace_s: float, average: str) -> None:
    """Learners send Δ = θ̂ − θ_m of a fragment in turn; the syncer steps along what a quorum has sent, and the grace
    window lets others in."""
    steps, period, parts, mix, rate, mu = K * M, 4, 2, 0.25, 0.6, 0.8
    algorithm = {
        "name": "decoupled_diloco", "period": period, "fragments": parts, "quorum": quorum, "grace_s": grace_s,
        "mix": mix, "outer_rate": rate, "outer_momentum": mu, "average": average,
    }  # fmt: skip
    run = Run(algorithm, network=IMMEDIATE, until={"gradient_steps": steps})
    theta, velocity = run.start[0].copy(), np.zeros(DIM)
    x, anchors, begun, sent, outer = run.start.copy(), run.start.copy(), np.zeros((M, parts), int), [0] * M, 0
    mail: list[dict[int, Any]] = [{} for _ in range(M)]
    held: list[dict[int, Any]] = [{} for _ in range(parts)]
    due: list[float | None] = [None] * parts
    ranges = [range(DIM * p // parts, DIM * (p + 1) // parts) for p in range(parts)]
    cluster = Cluster()
    for m in range(M):
        cluster.begin(m)

    def merge(p: int) -> None:
        nonlocal outer
        weights = np.array([n for n, _ in held[p].values()], float)
        changes = np.array([change for _, change in held[p].values()])
        weights /= weights.sum()
        change = weights @ changes
        if average != "mean":
            norms = np.linalg.norm(changes, axis=1)
            direction = weights @ (changes / norms[:, None])
            change = weights @ norms * direction / np.linalg.norm(direction)
        part = ranges[p]
        velocity[part] = mu * velocity[part] + change
        theta[part] = theta[part] - rate * (change + mu * velocity[part])
        held[p], due[p], outer = {}, None, outer + 1
        for box in mail:
            box[p] = theta[part].copy()

    ends, count = cluster.ends(), [0] * M
    for _ in range(steps):
        m, number = next(ends)
        for p in range(parts):
            if (late := due[p]) is not None and late < cluster.now:
                merge(p)
        x[m] = x[m] - ETA * taken(run.problem, m, number, x[m])
        count[m] += 1
        for p, fresh in mail[m].items():
            x[m][ranges[p]] = (1 - mix) * fresh + mix * x[m][ranges[p]]
            anchors[m][ranges[p]], begun[m, p] = fresh, count[m]
        mail[m] = {}
        if count[m] % (period // parts) == 0:
            p = sent[m] % parts
            sent[m] += 1
            if count[m] > begun[m, p]:
                held[p][m] = count[m] - begun[m, p], (anchors[m] - x[m])[ranges[p]]
                if len(held[p]) == M or (len(held[p]) == quorum and not grace_s and due[p] is None):
                    merge(p)
                elif len(held[p]) == quorum and due[p] is None:
                    due[p] = cluster.now + grace_s
        cluster.begin(m)
    np.testing.assert_allclose(run.rows.numpy()[-1], theta, **SAME)
    assert outer > 8


def goodput(algorithm: dict[str, Any]) -> list[int]:
    """Steps of each worker in 30 s in which all fail and come back again and again."""
    arm = only_arm(
        algorithm=algorithm, workers=8, until={"time_s": 30.0}, probe={"every_s": 1e6},
        faults=[{"name": "churn", "mean_up_s": 2.0, "mean_down_s": 1.0, "parameters": "kept"}],
    )  # fmt: skip
    world = world_of(arm, learns=False)
    list(world.windows(10**9, 10**9))
    return [worker.steps for worker in world.workers]


def test_goodput_under_churn() -> None:
    """Learners of decoupled DiLoCo take exactly the steps of workers that never talk; those of DiLoCo wait for others,
    and longest where no timeout gives up those that are down."""
    decoupled = {"name": "decoupled_diloco", "period": 10, "fragments": 2, "quorum": 3, "grace_s": 0.2}
    together = {"name": "diloco", "period": 10, "collective": "ring_events", "outer": {"learning_rate": 0.7}}
    free = goodput({"name": "sgd"})
    assert goodput(decoupled) == free
    assert sum(goodput(together)) < sum(goodput({**together, "timeout_s": 0.2})) < sum(free)
