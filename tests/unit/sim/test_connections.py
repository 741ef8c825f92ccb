"""Connections, and what they cost beside latency and bandwidth: by hand, and by closed forms."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import gossim
from gossim.cluster.collectives import COLLECTIVES
from gossim.errors import ScenarioError
from gossim.sim.max_min import End, many_rates, max_min_rates
from gossim.testing import check_executors, transfer_times
from support.algorithms import ALGORITHMS
from support.commands import gossim_command
from support.scenarios import BASE, only_arm, scenario, world_of
from support.transfers import arrivals

ALL_NEW = {"efficiency": 0.5, "message_overhead_s": 0.003, "after_idle_s": 0.01, "sharing": "fair"}


def test_messages_of_one_connection_go_in_order() -> None:
    """Two connections from worker 0 (10 a second) share it; what is second on one waits for the first."""
    flows = [(0, 1, 20.0, 0.0), (0, 2, 30.0, 1.0), (0, 1, 10.0, 0.0)]
    # 0→1: 10 by 1 s, then 5 a second: through at 3 s. Its second: 10 at 5 a second: 5 s. 0→2: 20 by 5 s, then 10: 6 s.
    assert transfer_times([(10.0, 10.0)] * 3, flows) == pytest.approx([3.0, 6.0, 5.0])


def test_jitter_keeps_the_order_of_a_connection() -> None:
    """Messages of 10 bytes a tenth of a second apart, with jitter of half a second: each comes after those before it,
    at the instant at which it would have come or at theirs. Other connections have an order of their own."""
    flows = [(0, 1, 10.0, number / 10) for number in range(60)] + [(0, 2, 10.0, number / 10) for number in range(60)]
    network = {
        "latency_s": 0.01, "jitter_s": {"distribution": "expon", "scale": 0.5}, "bandwidth_bytes_per_s": 1e6,
    }  # fmt: skip
    free, fair = (arrivals(network | {"sharing": sharing}, flows) for sharing in ("none", "fair"))
    for first in (0, 60):
        own, alone = fair[first : first + 60], free[first : first + 60]
        assert own == sorted(own)
        assert alone != sorted(alone)
        assert own == pytest.approx([max(alone[: number + 1]) for number in range(60)], abs=1e-4)


@pytest.mark.parametrize("resend", [False, True])
def test_what_a_partition_holds_up_takes_its_senders_bandwidth_alone(resend: bool) -> None:
    """10 bytes each at 10 a second, 0 and 1 apart from 2 and 3 between 1 and 2.5 s.

    0→2 is sent at 1.2 s and shares the uplink of 0 with 0→1: both are out at 3.2 s, and 0→2 is lost. 3→2 has the
    downlink of 2 for itself. 1→3, sent before, would come at 1.8 s and is lost as well. Sent again, they are under way
    from 3.4 and 2 s on, of which the second meets the partition again and goes at 3.2 s.
    """
    flows = [(0, 2, 10.0, 1.2), (0, 1, 10.0, 1.2), (3, 2, 10.0, 1.2), (1, 3, 10.0, 0.8)]
    network = {
        "latency_s": 0.0, "bandwidth_bytes_per_s": 10.0, "sharing": "fair", "resend": resend, "resend_timeout_s": 0.2,
        "partitions": [{"from_s": 1.0, "until_s": 2.5, "groups": [[0, 1], [2, 3]]}],
    }  # fmt: skip
    lost = [4.4, 4.2] if resend else [math.nan, math.nan]
    expected = [lost[0], 3.2, 2.2, lost[1]]
    assert arrivals(network, flows) == pytest.approx(expected, nan_ok=True)


def test_an_overloaded_connection_does_not_take_more_than_its_share() -> None:
    """Nine messages of 10 from 0 to 2 and one from 1 to 2, which takes 10 a second: the one is through when 20 are."""
    flows = [(0, 2, 10.0, 0.0)] * 9 + [(1, 2, 10.0, 0.0)]
    ended = transfer_times([(math.inf, 10.0)] * 3, flows)
    assert ended == pytest.approx([2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 2.0])


def test_arrays_give_the_rates_that_progressive_filling_gives() -> None:
    random = np.random.default_rng(3)
    for _ in range(60):
        workers, count = int(random.integers(2, 15)), int(random.integers(1, 100))
        capacity: dict[End, float] = {
            (way, w): random.uniform(0.1, 9) for way in ("up", "down") for w in range(workers)
        }
        draws = random.integers(workers, size=(count, 2)).tolist()
        paths = [(("up", s), ("down", r))[: 1 if random.random() < 0.1 else 2] for s, r in draws]
        slow = max_min_rates(dict(enumerate(paths)), capacity.__getitem__)
        assert many_rates(paths, capacity.__getitem__) == pytest.approx([slow[n] for n in range(count)])


def test_shares_set_anew_among_few_are_those_of_all() -> None:
    """Each transfer against a fluid simulation that shares out everything anew at every event."""
    random = np.random.default_rng(5)
    for _ in range(12):
        workers = int(random.integers(3, 9))
        rates = [(float(up), float(down)) for up, down in random.uniform(1, 10, (workers, 2))]
        pairs = random.permutation([(s, r) for s in range(workers) for r in range(workers) if s != r])[:30]
        flows = [(int(s), int(r), float(random.uniform(1, 20)), float(random.uniform(0, 10))) for s, r in pairs]
        assert transfer_times(rates, flows) == pytest.approx(_fluid(rates, flows), rel=1e-9)


def _fluid(rates: list[tuple[float, float]], flows: list[tuple[int, int, float, float]]) -> list[float]:
    """One flow a connection: rates of all at every start and end, by progressive filling."""
    left: dict[int, float] = {}
    now, ended = 0.0, [math.nan] * len(flows)
    starts = sorted((start, number) for number, (*_, start) in enumerate(flows))
    while starts or left:
        paths = {n: (("up", flows[n][0]), ("down", flows[n][1])) for n in left}
        speed = max_min_rates(paths, lambda end: rates[end[1]][end[0] == "down"])
        ends, first = min(((now + left[n] / speed[n], n) for n in left), default=(math.inf, -1))
        until = min(ends, starts[0][0] if starts else math.inf)
        left = {n: size - speed[n] * (until - now) for n, size in left.items()}
        now = until
        if until == ends:
            ended[first] = now
            del left[first]
        else:
            left[starts[0][1]] = flows[starts[0][1]][2]
            del starts[0]
    return ended


def test_a_message_pays_for_headers_overhead_and_an_idle_connection() -> None:
    """Worker 0 pulls from 1 again and again: request 0.1, 800 bytes at half of 8,000 a second 0.2, answer 0.1, overhead
    0.05; the first time, and after more than 1 s without a message, 0.4 more."""
    network = {
        "latency_s": 0.1, "bandwidth_bytes_per_s": 8e3, "efficiency": 0.5, "sharing": "fair",
        "message_overhead_s": 0.05, "after_idle_s": 0.4, "resend_timeout_s": 1.0, "message_bytes": 800,
    }  # fmt: skip
    for compute_s, first_s, later_s in ((0.5, 0.85, 0.45), (2.0, 0.85, 0.85)):
        arm = only_arm(
            algorithm={"name": "gosgd_pull", "pull_probability": 1.0},
            workers=2, network=network, compute={"time_s": compute_s}, until={"time_s": 30.0},
        )  # fmt: skip
        world = world_of(arm)
        list(world.windows(100, 100))
        # The first step takes compute_s + first_s, and each of the others compute_s + later_s.
        assert world.workers[0].taken == pytest.approx(1 + (30.0 - compute_s - first_s) / (compute_s + later_s), abs=1)


@pytest.mark.parametrize("name", sorted(set(COLLECTIVES) - {"ring_events", "hierarchical", "measured"}))
def test_collectives_by_formula_pay_for_overhead_efficiency_and_idle_connections(name: str) -> None:
    """As with a latency that is longer by the overhead and half the bandwidth, and once for each idle connection."""

    def round_s(**network: Any) -> float:
        arm = only_arm(
            algorithm={"name": "allreduce", "collective": name},
            workers=4, compute={"time_s": 0.1}, until={"time_s": 100.0},
            network={"latency_s": 0.01, "bandwidth_bytes_per_s": 4e4, "sharing": "none", **network},
        )  # fmt: skip
        world = world_of(arm)
        list(world.windows(100, 100))
        return 100.0 / world.workers[0].taken

    plain = round_s(latency_s=0.013, bandwidth_bytes_per_s=2e4)
    assert round_s(efficiency=0.5, message_overhead_s=0.003) == plain
    idle = {
        "ring": 1,
        "tree": 4,
        "recursive_doubling": 2,
        "rabenseifner": 2,
        "parameter_server": 2,
        "gloo": 1,
        "nccl": 1,
    }[name]
    paid = round_s(efficiency=0.5, message_overhead_s=0.003, after_idle_s=0.5, resend_timeout_s=0.01)
    assert paid == pytest.approx(plain + 0.5 * idle, rel=0.02)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_both_executors_agree_under_all_of_it(name: str) -> None:
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e4, **ALL_NEW}
    check_executors(only_arm(algorithm=ALGORITHMS[name], network=network, until={"time_s": 2.0}))


def test_sharing_has_to_be_said_where_there_is_something_to_share() -> None:
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5}
    with pytest.raises(ScenarioError, match="network.sharing: is required where bandwidth is limited"):
        scenario(network=network)
    with pytest.raises(ScenarioError, match="network.sharing: is required"):
        scenario(network={"latency_s": 0.01, "bandwidth_bytes_per_s": {"up": None, "down": 1e5}})
    scenario(network={"latency_s": 0.01, "bandwidth_bytes_per_s": None})
    scenario(network=network, workers=1, algorithm={"name": "sgd"})


@pytest.mark.parametrize(("share", "what"), [("none", "carried"), ("fair", "was given")])
def test_what_is_more_than_a_link_carries_is_said(share: str, what: str, caplog: pytest.LogCaptureFixture) -> None:
    """Everybody pushes 4,000 bytes every 0.1 s, over links of 10,000 a second, a quarter of what they need."""
    network = {
        "latency_s": 0.0, "bandwidth_bytes_per_s": 1e4, "sharing": share, "message_bytes": 4000,
    }  # fmt: skip
    described = scenario(
        algorithm={"name": "gosgd_push", "push_probability": 1.0},
        network=network, compute={"time_s": 0.1}, until={"time_s": 10.0}, topology={"name": "ring"},
    )  # fmt: skip
    with caplog.at_level(logging.WARNING, "gossim"):
        results = gossim.run(described)
    assert f"the uplink of worker 0 {what} 400.0 kB in 10 s, and can carry 100.0 kB" in caplog.text
    assert len(caplog.records) <= 5, "a cluster of a thousand workers would fill the screen"
    last, used = results.probes.iloc[-1], results.activities
    assert last["bytes_sent"] == 4 * 100 * 4000
    assert results.exchanges["bytes_carried"].sum() == last["bytes_carried"] <= last["bytes_sent"]
    carried = results.exchanges.groupby("sender")["bytes_carried"].sum()
    assert used["up_utilisation"].to_numpy() == pytest.approx(carried.to_numpy() / 1e5)
    assert (used[["up_utilisation", "down_utilisation"]].to_numpy() <= 1).all() == (share == "fair")


def test_what_fits_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gossim"):
        results = gossim.run(scenario())
    assert not caplog.records
    assert (results.exchanges["utilisation"] < 1).all()


def test_a_collective_carries_what_it_sends() -> None:
    for collective in ("ring", "ring_events", "tree"):
        results = gossim.run(scenario(algorithm={"name": "allreduce", "collective": collective}))
        last = results.probes.iloc[-1]
        assert 0 < last["bytes_carried"] <= last["bytes_sent"]
        assert last["bytes_sent"] - last["bytes_carried"] <= last["bytes_sent"] / 9  # but the round that is under way


def test_a_quiet_run_warns_of_no_link(tmp_path: Path) -> None:
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": 10.0, "sharing": "fair"}
    path = tmp_path / "full.yaml"
    path.write_text(yaml.safe_dump({**BASE, "until": {"time_s": 2.0}, "network": network}))
    command = ("run", path.name, "--no-gradients")
    assert "can carry" in gossim_command(*command, cwd=tmp_path).stderr
    quiet = gossim_command(*command, "--force", "--quiet", cwd=tmp_path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
