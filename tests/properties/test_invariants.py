"""What must hold at every event, whatever the cluster."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossim.execute.batched import Batched
from gossim.execute.reference import Reference
from gossim.optimizers.adam import SquaredAverage
from gossim.problems.build import build
from gossim.program import Program, RowError, Rows
from gossim.testing import trajectory
from support.algorithms import KEPT_ROWS
from support.clusters import clusters
from support.optimizers import OPTIMIZERS
from support.present import present
from support.scenarios import CPU, DIGITS, only_arm, world_of

RATE = {"learning_rate": 0.3}
MANY = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(cluster=clusters(), probability=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_weights_sum_to_one_exactly_at_every_event(
    weighted: dict[str, Any], cluster: dict[str, Any], probability: float, seed: int
) -> None:
    algorithm = {key: probability if key.endswith("probability") else value for key, value in weighted.items()}
    world = world_of(only_arm(algorithm=algorithm, **cluster), seed, one=Fraction(1))
    before = 0.0
    while not world.finished:
        world.clock.step()
        assert sum(worker.alpha for worker in world.workers) + world.alpha_in_flight() == Fraction(1)
        assert all(worker.alpha >= 0 for worker in world.workers)
        assert world.clock.now >= before
        before = world.clock.now


@MANY
@given(cluster=clusters(), seed=st.integers(0, 2**32))
def test_communication_keeps_the_weighted_sum(weighted: dict[str, Any], cluster: dict[str, Any], seed: int) -> None:
    """With learning rate 0, Σ α_m x_m, in flight included, stays what it was, event by event."""
    optimizer = {**cluster.pop("optimizer"), "learning_rate": 0.0}
    arm = only_arm(algorithm=weighted, optimizer=optimizer, **cluster)
    problem = build(present(arm.problem), arm.workers, seed, "float64", CPU)
    world = world_of(arm, seed)
    reference = Reference(problem, lambda rows, facts: None)
    reference.run(world.program.take())
    generator = torch.Generator().manual_seed(seed)
    for worker in world.workers:  # they all start at one point; here each gets its own
        reference.rows[worker.row] = torch.randn(problem.dim, dtype=torch.float64, generator=generator)

    def weighted_sum() -> torch.Tensor:
        held = [(worker.alpha, worker.row) for worker in world.workers]
        flying = [(message.alpha, message.row) for message in world.network.in_flight]
        return torch.stack([alpha * reference.rows[row] for alpha, row in held + flying]).sum(dim=0)

    start = weighted_sum()
    while not world.finished:
        world.clock.step()
        reference.run(world.program.take())
        torch.testing.assert_close(weighted_sum(), start, rtol=0, atol=1e-12)


def test_a_freed_row_cannot_be_used() -> None:
    program = Program()
    row = program.rows.allocate()
    for read in (lambda: program.combine(0, [(1.0, row)]), lambda: program.apply(0, SquaredAverage(1, 1), [0, row])):
        with pytest.raises(RowError, match="row 1 was read before it was written"):
            read()
    program.combine(row, [(1.0, 0)])
    program.rows.release(row)
    for use in (
        lambda: program.combine(0, [(1.0, row)]),
        lambda: program.apply(0, SquaredAverage(1, 1), [0, row]),
        lambda: program.apply(row, SquaredAverage(1, 1), [0, 0]),
        lambda: program.grad(0, row, worker=0, step=0),
        lambda: program.probe([row], None),
        lambda: program.combine(row, []),
        lambda: program.rows.release(row),
    ):
        with pytest.raises(RowError, match="row 1 was used after it was freed"):
            use()


def test_a_row_is_free_when_its_last_holder_lets_go() -> None:
    rows = Rows()
    first = rows.allocate()
    rows.hold(first, 2)
    rows.release(first)
    rows.release(first)
    assert rows.allocate() != first
    rows.release(first)
    assert rows.allocate() != first, "within a window a freed row is not used again"
    rows.begin_window()
    assert rows.allocate() == first


@pytest.mark.parametrize(("optimizer", "state"), [("momentum", 1), ("adam with decay", 3)])
def test_rows_are_bounded_by_workers_and_messages(algorithm: dict[str, Any], optimizer: str, state: int) -> None:
    """However long the run: for each worker and server parameters, gradient, the optimizer's state, a probe's copy and
    the rows that the algorithm keeps; and those of messages."""
    arm = only_arm(
        algorithm=algorithm,
        workers=6,
        until={"gradient_steps": 300},
        optimizer=OPTIMIZERS[optimizer],
        network={"latency_s": 0.3, "bandwidth_bytes_per_s": None},
    )
    world = world_of(arm)
    most_in_flight = 0
    while not world.finished:
        world.clock.step()
        world.program.take()
        most_in_flight = max(most_in_flight, sum(len(message.rows) for message in world.network.in_flight))
    nodes = arm.workers + len(world.servers)
    assert len(world.program.rows) <= (3 + state + KEPT_ROWS.get(algorithm["name"], 0)) * nodes + 2 + most_in_flight
    assert most_in_flight < 100


@pytest.mark.parametrize("executor", [Reference, Batched])
def test_a_probe_changes_nothing_else(algorithm: dict[str, Any], executor: type) -> None:
    """To the bit, in single precision, where the company in which a gradient is computed may change its rounding."""
    steps = 80 if executor is Batched else 25
    problem = {"model": {"name": "mlp", "hidden": [33, 17]}, "data": DIGITS, "batch_size": 3}
    common = {"algorithm": algorithm, "problem": problem, "workers": 7, "dtype": "float32", "optimizer": RATE}
    arms = [
        only_arm(**common, until={"gradient_steps": steps}, probe={"every_s": every_s}) for every_s in (1000.0, 0.01)
    ]
    (_, facts, rows), (_, more_facts, more_rows) = (trajectory(arm, executor, window=50) for arm in arms)
    assert len(more_rows) > 10 * len(rows)
    assert more_facts[-1] == facts[-1]
    assert torch.equal(more_rows[-1], rows[-1])


def test_a_timeline_changes_nothing_else(algorithm: dict[str, Any]) -> None:
    arm = only_arm(algorithm=algorithm)
    (without, facts, rows), (with_it, same_facts, same_rows) = (
        trajectory(arm, Reference, timeline_limit=limit) for limit in (0, 10_000)
    )
    assert not without.timeline.intervals
    assert len(with_it.timeline.intervals) > 40
    assert same_facts == facts
    assert all(map(torch.equal, rows, same_rows))


def test_arms_are_paired(algorithm: dict[str, Any]) -> None:
    """A worker's k-th gradient takes the same time under every algorithm and network, but for those given up."""
    if algorithm["name"] in ("ringmaster", "rennala"):
        algorithm = {**algorithm, "stop": False}

    def computing(**sections: Any) -> dict[int, list[float]]:
        world = world_of(only_arm(until={"time_s": 12}, **sections), timeline_limit=10**6)
        for _ in world.windows(100, 10**9):
            pass
        intervals = [i for i in world.timeline.intervals if i.activity == "computing" and i.end_s < 12]
        return {m: [i.end_s - i.start_s for i in intervals if i.worker == m] for m in range(4)}

    plain = computing(algorithm={"name": "sgd"})
    other = computing(
        algorithm=algorithm,
        network={
            "latency_s": {"distribution": "expon", "scale": 0.05},
            "bandwidth_bytes_per_s": 1e4,
            "sharing": "none",
        },
    )
    for worker in range(4):
        both = min(len(plain[worker]), len(other[worker]))
        assert both >= 5
        assert other[worker][:both] == pytest.approx(plain[worker][:both], rel=1e-9)
