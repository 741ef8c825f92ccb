"""All-reduces of libraries against their formulas worked by hand, and measured ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

import gossim
from gossim.cluster.collectives import AnyCollective, Link
from gossim.errors import InputError, ScenarioError
from gossim.testing import check_executors
from support.scenarios import only_arm, scenario


def seconds(collective: Any, workers: int, size_bytes: int, link: Link) -> float:
    made = TypeAdapter(AnyCollective).validate_python(collective)
    found: float = made.cost(workers, size_bytes, link).seconds
    return found


def gloo_by_events(p: int, n: int, link: Link) -> float:
    """One phase of gloo's ring, message by message, as gloo/allreduce.cc has it: a message is posted when the one two
    before has come and gone, is sent when the receiver's notice has crossed and the link is free."""
    size = min(math.ceil(n / (2 * p)), 2**20)
    per_rank = max(2, math.ceil(math.ceil(n / size) / p))
    sent = min(n / (2 * p), 2**20)
    posted: list[float] = []
    out: list[float] = []
    came: list[float] = []
    for number in range(p * per_rank - 2):
        posted.append(max(came[number - 2], out[number - 2], posted[-1]) if number >= 2 else 0.0)
        begins = max(posted[number] + link.latency_s, out[-1] if out else 0.0)  # all ranks are alike
        out.append(begins + sent * link.s_per_byte)
        came.append(out[-1] + link.latency_s)
    return came[-1]


@pytest.mark.parametrize("p", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("n", [1000, 500_000, 4 * 10**6, 123_386_880])
@pytest.mark.parametrize("a", [0.0, 1e-5, 0.005])
def test_gloo_is_what_its_messages_take(p: int, n: int, a: float) -> None:
    link = Link(a, 1 / 6e6, 0.0)
    assert seconds("gloo", p, n, link) == pytest.approx(2 * gloo_by_events(p, n, link), rel=1e-12)


@pytest.mark.parametrize(("p", "measured_s"), [(4, 0.156), (8, 0.244)])
def test_the_gloo_formula_gives_a_measured_time(p: int, measured_s: float) -> None:
    """500 kB, 5 ms and 50 Mbit/s, with 13 ms of TCP's slow start in it: measured with real processes."""
    link = Link(0.005, 1 / (6.25e6 * 1448 / 1500), 0.0)
    assert seconds("gloo", p, 500_000, link) + 0.013 == pytest.approx(measured_s, rel=0.05)


def test_the_gloo_formula_agrees_with_hand_arithmetic() -> None:
    """Eight workers, 5 ms, 1e-6 s a byte. Of 800 bytes, 14 messages of 50 in pairs: 2 · (7 · 10.05 + 0.05) ms. Of
    800,000, 14 of 50,000, one after the other: 2 · (10 + 14 · 50) ms."""
    link = Link(0.005, 1e-6, 1e-7)
    assert seconds("gloo", 8, 800, link) == pytest.approx(2 * (7 * 0.01005 + 0.00005) + 7 / 8 * 8e-5)
    assert seconds("gloo", 8, 800_000, link) == pytest.approx(2 * (0.01 + 14 * 0.05) + 7 / 8 * 0.08)


@pytest.mark.parametrize(
    ("workers", "per_node", "size_bytes", "expected_s"),
    [
        # Two nodes of 8 with 12.5 GB/s and 5 µs between them. 4 bytes: LL, 28 steps inside and 2 between.
        (16, 8, 4, 6.6e-6 + 28 * 0.6e-6 + 2 * 7.7e-6 + 15 / 16 * 4 * 2 / 6.25e9),
        # 1 MB: LL128, at 0.92 of the bandwidth.
        (16, 8, 10**6, 14e-6 + 28 * 1.9e-6 + 2 * 9e-6 + 15 / 16 * 1e6 * 2 / 11.5e9),
        # 1 GB: Simple, at all of it, and twice the latency.
        (16, 8, 10**9, 8.4e-6 + 28 * 3.4e-6 + 2 * 24e-6 + 15 / 16 * 1e9 * 2 / 12.5e9),
        # Four nodes with one worker each: 14 µs and twice the latency in each of 6 steps.
        (4, 1, 10**9, 8.4e-6 + 6 * 24e-6 + 3 / 4 * 1e9 * 2 / 12.5e9),
        # One node: no step between.
        (8, 8, 10**9, 8.4e-6 + 14 * 3.4e-6 + 7 / 8 * 1e9 * 2 / 12.5e9),
    ],
)  # fmt: skip
def test_nccl_is_the_fastest_of_its_protocols(workers: int, per_node: int, size_bytes: int, expected_s: float) -> None:
    made = {"name": "nccl", "workers_per_node": per_node}
    assert seconds(made, workers, size_bytes, Link(5e-6, 1 / 12.5e9, 0.0)) == pytest.approx(expected_s)


def test_nccl_goes_at_the_pace_of_the_slowest_link_of_its_ring() -> None:
    regions = {"regions": [[0, 1], [2, 3]], "within": 1e6, "between": 1e3, "up": None, "down": None}
    network = {"latency_s": 0.0, "sharing": "fair", "message_bytes": 400, "bandwidth_bytes_per_s": regions}
    for name in ("nccl", "gloo"):
        results = gossim.run(
            scenario(
                algorithm={"name": "allreduce", "collective": name},
                network=network,
                problem=None,
                compute={"time_s": 1.0},
                until={"gradient_steps": 4},
            )
        )
        assert results.probes.iloc[-1]["time_s"] == pytest.approx(1 + 6 * 0.1, abs=2e-4), name


def test_measured_times_lie_on_straight_lines(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text(
        "operation,workers,size_bytes,seconds\npoint_to_point,2,1000,9\n"
        "allreduce,4,1000,0.3\nallreduce,4,1000,0.1\nallreduce,4,1000,0.2\nallreduce,4,3000,0.6\nallreduce,8,1000,5\n"
    )
    made, link = {"name": "measured", "file": str(file)}, Link(9.0, 9.0, 9.0)
    found = [seconds(made, 4, size, link) for size in (1, 1000, 1500, 2000, 3000)]
    assert found == pytest.approx([0.2, 0.2, 0.3, 0.4, 0.6])  # the median of three at 1,000 bytes
    assert seconds(made, 8, 1000, link) == 5
    with pytest.raises(InputError, match="has all-reduces of up to 3,000 bytes, and a vector has 3,001"):
        seconds(made, 4, 3001, link)
    with pytest.raises(InputError, match="has no all-reduce of 3 workers, but of 4, 8"):
        seconds(made, 3, 1000, link)
    arm = {"algorithm": {"name": "allreduce", "collective": made}, "compute": {"time_s": 1.0}, "problem": None}
    network = {"latency_s": 1.0, "bandwidth_bytes_per_s": 10.0, "sharing": "fair", "message_bytes": 2000}
    results = gossim.run(scenario(**arm, network=network, until={"gradient_steps": 8}))
    assert results.probes.iloc[-1]["time_s"] == pytest.approx(2 * 1.4)
    with pytest.raises(InputError, match="has all-reduces of up to 3,000 bytes, and a vector has 4,000"):
        gossim.run(scenario(**arm, network=network | {"message_bytes": 4000}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("size_bytes,second\n1,1\n", "has no column 'seconds'; did you mean 'second'"),
        ("size_bytes,seconds\n1.5,1\n", "line 2: size_bytes = '1.5': must be a whole number > 0"),
        ("size_bytes,seconds\n1,0\n", "line 2: seconds = '0': must be a number > 0"),
        ("operation,size_bytes,seconds\npoint_to_point,1,1\n", "has no all-reduces"),
        ("size_bytes,seconds\n", "has no rows under its header"),
        ("", "has no rows under its header"),
    ],
)
def test_tables_that_cannot_be_used(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text(content)
    with pytest.raises(ScenarioError, match="algorithm.collective") as caught:
        only_arm(algorithm={"name": "allreduce", "collective": {"name": "measured", "file": str(file)}})
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["gloo", "nccl"])
def test_both_executors_agree(name: str) -> None:
    check_executors(only_arm(algorithm={"name": "local_sgd", "period": 2, "collective": name, "buckets": 3}))
