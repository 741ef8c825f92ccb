"""Bandwidth of ordered pairs, by regions and from a matrix: by hand."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossim
from gossim.errors import ScenarioError
from gossim.sim.max_min import many_rates, max_min_rates
from gossim.sim.reservations import Reservations, reserve
from gossim.testing import check_executors
from support.algorithms import ALGORITHMS
from support.cases import in_turn
from support.ledger import ledger
from support.scenarios import only_arm, scenario, world_of
from support.transfers import arrivals

REGIONS = {"regions": [[0, 1], [2, 3]], "within": 100.0, "between": 10.0}


def network(bandwidth: Any, sharing: str = "fair", latency_s: float = 0.0) -> dict[str, Any]:
    return {"latency_s": latency_s, "bandwidth_bytes_per_s": bandwidth, "sharing": sharing}


@pytest.mark.parametrize("sharing", ["none", "fifo", "fair"])
def test_a_message_alone_goes_at_the_rate_of_its_pair(sharing: str, tmp_path: Path) -> None:
    assert arrivals(network(REGIONS, sharing, 0.5), [(0, 1, 200.0, 0.0), (3, 1, 200.0, 9.0)]) == [2.5, 29.5]
    path = tmp_path / "rates.csv"
    path.write_text("-,20,40\n50,0,80\n100,200,x\n")
    flows = [(0, 1, 200.0, 0.0), (1, 0, 200.0, 100.0), (2, 1, 200.0, 200.0), (0, 2, 200.0, 300.0)]
    assert arrivals(network({"matrix": str(path)}, sharing), flows) == [10.0, 104.0, 201.0, 305.0]
    slow = {"matrix": str(path), "up": [10.0, 50.0, 50.0], "down": None}
    assert arrivals(network(slow, sharing), flows) == [20.0, 104.0, 204.0, 320.0]
    halved = network({"matrix": str(path)}, sharing) | {"efficiency": 0.5}
    assert arrivals(halved, flows[:2]) == [20.0, 108.0]


def test_pairs_share_what_their_workers_send_and_receive() -> None:
    """Worker 0 sends 100 a second: 10 of them to 2, 10 to 3 and the other 80 to 1."""
    flows = [(0, 2, 100.0, 0.0), (0, 3, 100.0, 0.0), (0, 1, 800.0, 0.0)]
    assert arrivals(network(REGIONS), flows) == pytest.approx([10.0, 10.0, 10.0])
    # Without sharing nobody takes from anybody; one after the other, each waits for those before.
    assert arrivals(network(REGIONS, "none"), flows) == pytest.approx([10.0, 10.0, 8.0])
    assert arrivals(network(REGIONS, "fifo"), flows) == pytest.approx([10.0, 20.0, 28.0])
    # The fastest pair of a worker is all that it sends, unless `up` says otherwise.
    limited = REGIONS | {"up": 30.0, "down": None}
    assert arrivals(network(limited), flows) == pytest.approx([10.0, 10.0, 100 / 10 + 700 / 30])
    world = world_of(only_arm(network=network(REGIONS | {"up": {"distribution": "uniform", "loc": 5, "scale": 1}})))
    assert [5 <= world.network.rates(m).up <= 6 and world.network.rates(m).down == 100 for m in range(4)] == [True] * 4


def test_a_region_shares_its_uplink() -> None:
    """12 a second leave region 0, of which each pair takes 10 at most; what stays inside does not pass it."""
    shared = REGIONS | {"uplink": 12.0}
    flows = [(0, 2, 60.0, 0.0), (1, 3, 60.0, 0.0), (0, 1, 900.0, 0.0)]
    # 6 a second each; the third has the other 94 of worker 0 until 9.57 s.
    assert arrivals(network(shared), flows) == pytest.approx([10.0, 10.0, 900 / 94])
    assert arrivals(network(shared, "none"), flows) == pytest.approx([6.0, 6.0, 9.0])
    # First come, first served: 10 for the first until 6 s; the second has 2 until then and 10 for its other 48.
    assert arrivals(network(shared, "fifo"), flows[:2]) == pytest.approx([6.0, 10.8])
    # From both sides into region 1, which receives 12, from one that sends 24.
    uneven = {**shared, "regions": [[0, 1], [2, 3]], "uplink": [24.0, 12.0]}
    assert arrivals(network(uneven), flows[:2]) == pytest.approx([10.0, 10.0])
    assert arrivals(network(uneven, "fifo", 0.5), flows[:2]) == pytest.approx([6.5, 11.3])
    # One that is limited by its uplink alone is at full speed in the other direction.
    assert arrivals(network(shared), [(0, 2, 60.0, 0.0), (2, 0, 60.0, 0.0)]) == pytest.approx([6.0, 6.0])


def test_reservations_give_what_earlier_ones_left() -> None:
    """Rates of a second transfer: nothing until 4, a quarter until 8, then all."""
    link = Reservations(8.0)
    assert reserve(0, 32.0, 100.0, [(link, 0)]) == [(0, 4, 8.0)]
    assert reserve(4, 24.0, 6.0, [(link, 0)]) == [(4, 8, 6.0)]
    assert reserve(0, 40.0, 8.0, [(link, 0)]) == [(4, 8, 2.0), (8, 12, 8.0)]
    link.forget(9)
    assert link.free(9) == (0.0, 12)
    assert link.free(12) == (8.0, None)


def test_arrays_give_the_rates_that_progressive_filling_gives_with_any_number_of_ends() -> None:
    random = np.random.default_rng(4)
    for _ in range(40):
        count, links = int(random.integers(1, 60)), int(random.integers(1, 12))
        capacity = {("up", link): float(random.uniform(0.1, 9)) for link in range(links)}
        paths = [
            tuple(("up", int(link)) for link in random.permutation(links)[: int(random.integers(1, 6))])
            for _ in range(count)
        ]
        slow = max_min_rates(dict(enumerate(paths)), capacity.__getitem__)
        assert many_rates(paths, capacity.__getitem__) == pytest.approx([slow[n] for n in range(count)])


def test_shares_set_anew_among_few_are_those_of_all_where_regions_share() -> None:
    """Each transfer against a fluid simulation that shares out everything anew at every event."""
    random = np.random.default_rng(6)
    for _ in range(8):
        section = {
            "regions": [[0, 1, 2], [3, 4], [5]], "within": 9.0, "between": 4.0, "uplink": [5.0, 6.0, 3.0],
            "up": [float(rate) for rate in random.uniform(2, 9, 6)], "down": None,
        }  # fmt: skip
        pairs = random.permutation([(s, r) for s in range(6) for r in range(6) if s != r])[:25]
        flows = [(int(s), int(r), float(random.uniform(1, 20)), float(random.uniform(0, 10))) for s, r in pairs]
        assert arrivals(network(section), flows) == pytest.approx(_fluid(section, flows), rel=1e-9)


def _fluid(section: dict[str, Any], flows: list[tuple[int, int, float, float]]) -> list[float]:
    region = {worker: number for number, members in enumerate(section["regions"]) for worker in members}
    capacity: dict[Any, float] = {("up", w): rate for w, rate in enumerate(section["up"])}
    paths: list[list[Any]] = []
    for s, r, *_ in flows:
        together = region[s] == region[r]
        capacity["pair", (s, r)] = section["within" if together else "between"]
        crossing = [] if together else [("out", region[s]), ("in", region[r])]
        capacity |= {end: section["uplink"][end[1]] for end in crossing}
        paths.append([("up", s), ("pair", (s, r)), *crossing])
    left: dict[int, float] = {}
    now, ended = 0.0, [0.0] * len(flows)
    starts = sorted((start, number) for number, (*_, start) in enumerate(flows))
    while starts or left:
        speed = max_min_rates({n: paths[n] for n in left}, capacity.__getitem__)
        ends, first = min(((now + left[n] / speed[n], n) for n in left), default=(1e9, -1))
        until = min(ends, starts[0][0] if starts else 1e9)
        left = {n: size - speed[n] * (until - now) for n, size in left.items()}
        now = until
        if until == ends:
            ended[first] = now
            del left[first]
        else:
            left[starts[0][1]] = flows[starts[0][1]][2]
            del starts[0]
    return ended


@pytest.mark.parametrize(
    ("bandwidth", "message"),
    [
        ({"regions": [[0, 1], [2]], "within": 1.0, "between": 1.0}, "worker 3 is in no region"),
        ({"regions": [[0, 1], [1, 2, 3]], "within": 1.0, "between": 1.0}, "worker 1 is in two regions"),
        ({"regions": [[0, 1], [2, 3, 4]], "within": 1.0, "between": 1.0}, "regions has 4"),
        ({"regions": [[0, 1], [2, 3]], "within": 1.0}, "between: is required"),
        ({"regions": [[0, 1], [2, 3]], "within": 1.0, "between": 0.0}, "between = 0.0: must be > 0"),
        (REGIONS | {"uplink": [1.0]}, "uplink = \\[1.0\\]: has 1 numbers, and there are 2 regions"),
        (REGIONS | {"up": [1.0, 2.0]}, "up has 2 numbers, and there are 4 workers"),
        (REGIONS | {"up": "fast"}, "up = fast: must be 'fastest'"),
        (REGIONS | {"betweens": 1.0}, "betweens = 1.0: unknown key; did you mean 'between'"),
    ],
)  # fmt: skip
def test_pairs_that_cannot_be_used(bandwidth: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=f"network.bandwidth_bytes_per_s.*{message}"):
        scenario(network=network(bandwidth))


def test_matrices_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    for content, message in (
        ("0,1\n1,0\n", "has 2 rows, and there are 4 workers"),
        ("0,0\n1,0\n", "line 1, column 2: '0': must be a number > 0"),
        ("1,1,1,1,1\n" * 5, "line 5: is a row of worker 4"),
    ):
        path.write_text(content)
        with pytest.raises(ScenarioError, match="network.bandwidth_bytes_per_s = ") as caught:
            scenario(network=network({"matrix": str(path)}))
        assert message in str(caught.value)
    with pytest.raises(ScenarioError, match="network.sharing: is required"):
        scenario(network={"latency_s": 0.0, "bandwidth_bytes_per_s": REGIONS})


@pytest.mark.parametrize(("name", "sharing"), in_turn(sorted(ALGORITHMS), ["fifo", "fair"]))
def test_both_executors_agree_and_the_clock_alone_is_the_clock(name: str, sharing: str) -> None:
    regions = {
        "regions": [[0, 1], [2, 3, 4]], "within": 1e4, "between": 2e3, "uplink": 3e3, "up": 9e3, "down": None,
    }  # fmt: skip
    sections = {"algorithm": ALGORITHMS[name], "network": network(regions, sharing, 0.01), "until": {"time_s": 2.0}}
    try:
        arm = only_arm(**sections)
    except ScenarioError as no_server:  # those with a server have a node more
        assert "worker 4 is the server" in str(no_server) or "regions has 4" in str(no_server)
        without = {**regions, "regions": [[0, 1], [2, 3]]}
        arm = only_arm(**{**sections, "network": network(without, sharing, 0.01)})
    check_executors(arm)
    plain, alone = (ledger(arm, 0, learns, 50) for learns in (True, False))
    assert plain == alone


def test_links_between_regions_that_are_too_full_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """Everybody pushes 400 bytes every 0.1 s around a ring, over links of 1,000 a second between two regions."""
    regions = {"regions": [[0, 1], [2, 3]], "within": 1e6, "between": 1e3, "uplink": 500.0}
    described = scenario(
        algorithm={"name": "gosgd_push", "push_probability": 1.0},
        network={**network(regions, "none"), "message_bytes": 400},
        compute={"time_s": 0.1}, until={"time_s": 10.0}, topology={"name": "ring"},
    )  # fmt: skip
    with caplog.at_level(logging.WARNING, "gossim"):
        results = gossim.run(described)
    assert "the uplink of region 0 carried" in caplog.text
    assert "can carry 5.0 kB" in caplog.text
    assert "4 other ends of links were too full as well" in caplog.text  # links from worker to worker
    links = results.exchanges.set_index(["sender", "receiver"])
    assert links.loc[(1, 2), "utilisation"] == pytest.approx(links.loc[(1, 2), "bytes_carried"] / 5e3)
    assert links.loc[(0, 1), "utilisation"] < 0.01
