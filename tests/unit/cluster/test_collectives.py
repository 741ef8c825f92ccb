"""All-reduce: costs against formulas worked by hand, rounds that do not wait for everyone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from gossim import theory
from gossim.cluster.collectives import COLLECTIVES, AnyCollective, CollectiveCost, Link
from gossim.errors import ScenarioError
from gossim.execute.reference import Reference
from gossim.problems.build import build
from gossim.testing import trajectory
from support.present import present
from support.scenarios import CPU, only_arm, world_of

LINK = Link(0.01, 1e-6, 2e-7)
MEASURED = Path(__file__).with_name("measured_allreduce.csv")
"""One kilobyte takes 0.5 s, as slow as no formula here."""
SPECS: dict[str, Any] = {name: name for name in COLLECTIVES} | {
    "hierarchical": {"name": "hierarchical", "group_size": 3},
    "measured": {"name": "measured", "file": str(MEASURED)},
}


def cost(collective: Any, workers: int, size_bytes: int = 1000, link: Link = LINK) -> CollectiveCost:
    return TypeAdapter(AnyCollective).validate_python(collective).cost(workers, size_bytes, link)


@pytest.mark.parametrize(
    ("collective", "workers", "latencies", "sent", "added", "messages", "size_bytes"),
    [
        # In units of a, nb and ng; messages and multiples of n over all workers.
        ("ring", 8, 14, 14 / 8, 7 / 8, 112, 14),
        ("ring", 2, 2, 1, 1 / 2, 4, 2),
        ("ring_events", 8, 14, 14 / 8, 7 / 8, 112, 14),
        ("tree", 8, 6, 6, 3, 14, 14),
        ("tree", 5, 6, 6, 3, 8, 8),
        ("recursive_doubling", 8, 3, 3, 3, 24, 24),
        ("recursive_doubling", 6, 2 + 2, 2 + 2, 2 + 1, 8 + 4, 8 + 4),
        ("rabenseifner", 8, 6, 14 / 8, 7 / 8, 48, 14),
        ("rabenseifner", 6, 4 + 2, 6 / 4 + 2, 3 / 4 + 1, 16 + 4, 6 + 4),
        ("parameter_server", 8, 2, 16, 8, 16, 16),
        # Of 1,000 bytes, b = 1e-6 s and a = 0.01 s: the notices weigh more than the bytes.
        ("gloo", 2, 4, 1, 1 / 2, 8, 2),
        ({"name": "hierarchical", "group_size": 4}, 8, 6 + 2 + 2, 6 / 4 + 1 + 2, 3 / 4 + 1 / 2, 48 + 4 + 6, 12 + 2 + 6),
    ],
)  # fmt: skip
def test_collectives_cost_what_hand_arithmetic_gives(
    collective: Any, workers: int, latencies: float, sent: float, added: float, messages: int, size_bytes: int
) -> None:
    expected = latencies * 0.01 + 1000 * (sent * 1e-6 + added * 2e-7)
    assert cost(collective, workers) == (pytest.approx(expected, rel=1e-12), messages, size_bytes * 1000)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_collective_of_one_worker_costs_nothing(name: str) -> None:
    assert cost(SPECS[name], 1) == (0.0, 0, 0)


@pytest.mark.parametrize("workers", range(2, 20))
@pytest.mark.parametrize("name", sorted(SPECS))
def test_no_collective_is_cheaper_than_can_be(name: str, workers: int) -> None:
    """Each worker must send and receive nearly the whole vector; lg p latencies must pass one after the other."""
    seconds, messages, size_bytes = cost(SPECS[name], workers)
    if name != "parameter_server":
        assert seconds >= 0.01 * math.log2(workers) + 1000 * 1e-6 * (workers - 1) / workers
    assert size_bytes >= 2 * (workers - 1) * 1000
    assert messages >= workers


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_collective_decides_how_long_a_round_lasts_and_nothing_else(name: str) -> None:
    arm = only_arm(
        algorithm={"name": "allreduce", "collective": SPECS[name], "reduction_s_per_byte": 1e-6},
        workers=6,
        compute={"time_s": 0.1},
        until={"gradient_steps": 60},
        probe={"every_s": 1e6},
    )
    world, facts, rows = trajectory(arm)
    link = Link(0.01, 1e-5, 1e-6)
    expected = cost(SPECS[name], 6, 40, link)
    assert world.clock.now_s == pytest.approx(10 * (0.1 + expected.seconds), rel=1e-9)
    assert facts[-1].bytes_sent == 10 * expected.size_bytes
    assert facts[-1].messages_sent == 10 * expected.messages
    ring = arm.model_copy(update={"algorithm": only_arm(algorithm={"name": "allreduce"}).algorithm})
    assert torch.equal(rows[-1], trajectory(ring)[2][-1])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("backup", [0, 1, 3])
def test_a_round_with_backup_lasts_as_long_as_the_last_gradient_needed(backup: int, seed: int) -> None:
    """The (M − k)-th order statistic of shifted exponentials, for those that are late start again with the others."""
    workers, rounds = 8, 3000
    arm = only_arm(
        algorithm={"name": "allreduce", "backup": backup},
        workers=workers,
        # Not memoryless: workers that finished what they had begun, instead of beginning again, would be found out.
        compute={"time_s": {"distribution": "shifted_exponential", "shift_s": 0.3, "rate_per_s": 5.0}},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
        until={"gradient_steps": rounds * (workers - backup)},
        probe={"every_s": 1e6},
    )
    world = world_of(arm, seed)
    for _ in world.windows(10_000, 10**9):
        pass
    needed = workers - backup
    expected = 0.3 + theory.expected_order_statistic_exponential(0.2, workers, needed)
    deviation = 0.2 * math.sqrt(sum(1 / k**2 for k in range(backup + 1, workers + 1)))
    assert world.clock.now_s / rounds == pytest.approx(expected, abs=5 * deviation / math.sqrt(rounds))
    assert world.gradient_steps == rounds * needed


def test_backup_applies_the_mean_of_those_in_time_to_all() -> None:
    """With one worker that is always late, the rest are all that counts; and everyone is at the same x."""
    arm = only_arm(
        algorithm={"name": "allreduce", "backup": 1},
        workers=3,
        compute={"time_s": 0.1, "stragglers": [{"workers": [1], "factor": 50}]},
        until={"gradient_steps": 20},
    )
    _, facts, rows = trajectory(arm)
    problem = build(present(arm.problem), 3, 0, "float64", CPU)
    x = problem.initial()
    for step in range(10):
        x = x - 0.05 * (problem.gradient(x, 0, step) + problem.gradient(x, 2, step)) / 2
    for row in rows[-1]:
        torch.testing.assert_close(row, x, rtol=1e-12, atol=1e-14)
    assert [worker.steps for worker in facts[-1].workers] == [10, 0, 10]
    torch.testing.assert_close(trajectory(arm, Reference)[2][-1], rows[-1], rtol=1e-12, atol=1e-14)


def test_one_slow_link_slows_the_whole_ring_to_its_pace() -> None:
    """2(M − 1) chunks must pass it one after the other, whatever the sharing; the other links are a hundred times as
    fast. Under the formula, too, the slowest link sets the pace."""
    workers, chunk_s = 4, 40 / 4 / 50.0
    for sharing in ("none", "fifo", "fair"):
        for collective in ("ring_events", "ring"):
            arm = only_arm(
                algorithm={"name": "allreduce", "collective": collective},
                compute={"time_s": 0.1},
                network={
                    "latency_s": 0.0,
                    "bandwidth_bytes_per_s": {"up": [5e3, 50.0, 5e3, 5e3], "down": None},
                    "sharing": sharing,
                },
                until={"gradient_steps": 5 * workers},
            )
            world, _, _ = trajectory(arm)
            round_s = world.clock.now_s / 5 - 0.1
            assert round_s == pytest.approx(2 * (workers - 1) * chunk_s, rel=0.03), (sharing, collective)


def test_a_ring_sends_again_what_is_lost() -> None:
    """Each chunk is sent 1/(1 − p) times on average; the bytes say so, and every round is finished."""
    arm = only_arm(
        algorithm={"name": "allreduce", "collective": "ring_events"},
        network={
            "latency_s": 0.001,
            "bandwidth_bytes_per_s": 1e5,
            "sharing": "none",
            "loss": 0.2,
            "resend_timeout_s": 0.01,
        },
        until={"gradient_steps": 4000},
        probe={"every_s": 1e6},
    )
    world, facts, _ = trajectory(arm)
    least = 1000 * 2 * 3 * 4  # rounds, steps of the ring, workers
    assert facts[-1].messages_sent / least == pytest.approx(1.25, abs=5 * math.sqrt(0.2 / 0.8**2 / least))
    assert world.network.messages_lost == 0


def test_more_backup_than_workers_is_refused() -> None:
    with pytest.raises(ScenarioError, match="backup = 4: must be below the number of workers, 4"):
        only_arm(algorithm={"name": "allreduce", "backup": 4})
    with pytest.raises(ScenarioError, match="collective = rnig: unknown name; did you mean 'ring'"):
        only_arm(algorithm={"name": "allreduce", "collective": "rnig"})
    with pytest.raises(ScenarioError, match=r"collective.group_size: is required"):
        only_arm(algorithm={"name": "allreduce", "collective": "hierarchical"})


def test_one_group_is_a_ring() -> None:
    assert cost({"name": "hierarchical", "group_size": 9}, 8) == cost("ring", 8)
