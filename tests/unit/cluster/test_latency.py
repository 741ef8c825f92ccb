"""Latency by matrix and by region."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gossim.errors import ScenarioError
from gossim.scenario.scenario import Scenario
from support.present import present
from support.scenarios import BASE, only_arm, scenario, world_of


def network(latency_s: Any) -> dict[str, Any]:
    return {"latency_s": latency_s, "bandwidth_bytes_per_s": 1e4, "sharing": "none"}


def test_a_matrix_gives_each_directed_link_its_latency(tmp_path: Path) -> None:
    path = tmp_path / "latency.csv"
    path.write_text("-,0.1,0.2,0.3\n0.4,0,0.5,0.6\n0.7,0.8,0,0.9\n1.0,1.1,1.2,0\n")
    arm = only_arm(algorithm={"name": "gosgd_push", "push_probability": 1.0}, network=network({"matrix": str(path)}))
    world = world_of(arm, timeline_limit=10**6)
    assert [world.network.latency_s(1, r) for r in (0, 2, 3)] == [0.4, 0.5, 0.6]
    for _ in world.windows(1000, 10**9):
        pass
    flights = {round(i.end_s - i.start_s - 0.08, 9) for i in world.timeline.intervals if i.activity == "message"}
    assert flights <= {n / 10 for n in range(1, 13)}
    assert len(flights) > 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0,1\n1,0\n", "has 2 rows, and there are 4 workers"),
        ("0,1\n1\n", "line 2: has 1 columns, and the file has 2 rows"),
        ("0,-1\n1,0\n", "line 1, column 2: '-1': must be a number of seconds >= 0"),
        ("0,x\n1,0\n", "line 1, column 2: 'x'"),
        ("", "is empty"),
    ],
)
def test_matrices_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "latency.csv"
    path.write_text(content)
    with pytest.raises(ScenarioError, match="network.latency_s = ") as caught:
        scenario(network=network({"matrix": str(path)}))
    assert message in str(caught.value)
    with pytest.raises(ScenarioError, match="absent.csv: cannot be read: No such file"):
        scenario(network=network({"matrix": str(tmp_path / "absent.csv")}))


def test_latency_depends_on_the_regions_of_both_ends() -> None:
    regions = {"regions": [[0, 2], [1, 3]], "within_s": 0.01, "between_s": 0.2}
    links = world_of(only_arm(network=network(regions))).network
    assert [links.latency_s(0, r) for r in (1, 2, 3)] == [0.2, 0.01, 0.2]
    assert links.latency_s(3, 1) == 0.01
    for wrong, message in [
        ([[0, 1], [2]], "worker 3 is in no region"),
        ([[0, 1], [1, 2, 3]], "worker 1 is in two regions"),
    ]:
        with pytest.raises(ScenarioError, match=message):
            scenario(network=network({**regions, "regions": wrong}))
    with pytest.raises(ScenarioError, match="network.latency_s.between_s: is required"):
        scenario(network=network({"regions": [[0, 1, 2, 3]], "within_s": 0.01}))


def test_a_kind_of_latency_replaces_another_in_an_arm() -> None:
    regions = {"regions": [[0, 2], [1, 3]], "within_s": 0.01, "between_s": 0.2}
    law = {"distribution": "expon", "scale": 0.1}
    for shared, own in [(regions, law), (law, regions), (0.1, regions), (regions, 0.1)]:
        arms = {"other": {"algorithm": {"name": "sgd"}, "network": {"latency_s": own}}}
        parsed = Scenario.parse({**BASE, "network": network(shared), "arms": arms})
        alone = scenario(network=network(own))
        assert present(parsed.arms["other"].network).latency_s == present(alone.network).latency_s
        assert Scenario.parse(parsed.to_data()) == parsed
    closer = {"other": {"algorithm": {"name": "sgd"}, "network": {"latency_s": {"between_s": 0.05}}}}
    parsed = Scenario.parse({**BASE, "network": network(regions), "arms": closer})
    latency_s: Any = present(parsed.arms["other"].network).latency_s
    assert (latency_s.between_s, latency_s.within_s) == (0.05, 0.01)
