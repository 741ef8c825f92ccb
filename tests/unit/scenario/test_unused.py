"""What a scenario says of workers that no arm has is refused, and a fraction that chooses nobody; what only some arms
have no use for is warned of."""

from __future__ import annotations

import copy
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossim.cluster.selection import share
from gossim.errors import ScenarioError
from gossim.files import yaml12
from gossim.scenario.scenario import Scenario
from gossim.scenario.sweep import Sweep
from support.commands import gossim_command
from support.scenarios import BASE, scenario

PUSH = {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}}


def arms(*workers: int) -> dict[str, Any]:
    return {f"of{count}": {**PUSH, "workers": count} for count in workers}


@given(thousandths=st.integers(0, 1000), workers=st.integers(1, 10**7))
def test_halves_round_up(thousandths: int, workers: int) -> None:
    exact = (Decimal(thousandths) / 1000 * workers).quantize(Decimal(1), ROUND_HALF_UP)
    assert share(thousandths / 1000, workers) == exact


@pytest.mark.parametrize(
    ("fraction", "workers", "count"),
    [
        (0.15, 10, 2),
        (0.35, 10, 4),
        (0.145, 100, 15),
        (0.5, 5, 3),
        (0.25, 2, 1),
        (0.05, 8, 0),
        (1.0, 7, 7),
        (1e-9, 9, 0),
    ],
)
def test_a_fraction_chooses_the_number_of_workers_counted_by_hand(fraction: float, workers: int, count: int) -> None:
    rule = {"name": "persistent", "fraction": fraction, "factor": 9}
    settings = scenario(workers=workers, compute={"time_s": 1, "stragglers": [rule]}, unused="warn").arms["arm"]
    assert sum(settings.gradient_s(3, worker)(0.0) == 9 for worker in range(workers)) == count


RULES: list[tuple[str, dict[str, Any]]] = [
    ("compute.stragglers.0", {"fraction": 0.05, "factor": 10}),
    (
        "compute.stragglers.0",
        {"name": "bursty", "fraction": 0.05, "mean_between_s": 1, "mean_length_s": 1, "factor": 2},
    ),
    ("faults.0", {"name": "crash", "fraction": 0.05, "at_s": 1}),
    ("faults.0", {"name": "churn", "fraction": 0.05, "mean_up_s": 1, "mean_down_s": 1, "parameters": "kept"}),
]


def ruled(path: str, rule: dict[str, Any], **more: Any) -> dict[str, Any]:
    sections = {"faults": [rule]} if path.startswith("faults") else {"compute": {"time_s": 0.1, "stragglers": [rule]}}
    return {**copy.deepcopy(BASE), **sections, **more}


@pytest.mark.parametrize(("path", "rule"), RULES)
def test_a_fraction_that_chooses_nobody(path: str, rule: dict[str, Any]) -> None:
    message = f"{path}.fraction = 0.05: chooses none of the workers of "
    for data in (ruled(path, rule, workers=8), ruled(path, rule, arms=arms(4, 8, 9))):
        with pytest.raises(ScenarioError) as caught:
            Scenario.parse(data)
        assert caught.value.problems == [message + "any arm"]
    some = Scenario.parse(ruled(path, rule, arms=arms(4, 10, 8)))
    assert some.warnings == [message + "arms of4, of8"]
    assert Scenario.parse(some.to_data()).warnings == some.warnings
    assert not Scenario.parse(ruled(path, {**rule, "fraction": 0.0})).warnings
    assert not Scenario.parse(ruled(path, rule, workers=10)).warnings


def test_a_fraction_of_one_arm_alone() -> None:
    own = {"few": {**PUSH, "compute": {"stragglers": [{"fraction": 0.05, "factor": 2}]}}, "all": PUSH}
    with pytest.raises(ScenarioError, match="arms.few.compute.stragglers.0.fraction = 0.05: chooses none"):
        scenario(arms=own)


def test_a_fraction_in_a_sweep(tmp_path: Path) -> None:
    path, rule = RULES[0]
    rows = Sweep.parse(ruled(path, rule, sweep={"workers": [8, 9]}, unused="warn")).warnings
    assert rows == [f"{path}.fraction = 0.05: chooses none of the workers of any arm"]
    with pytest.raises(ScenarioError, match="chooses none of the workers of any arm"):
        Sweep.parse(ruled(path, rule, sweep={"workers": [8, 9]}))
    with pytest.raises(ScenarioError, match="chooses none of the workers of any arm"):
        Sweep.parse(ruled(path, rule, workers=8, sweep={f"{path}.fraction": [0.05, 0.5]}))
    some = Sweep.parse(ruled(path, rule, sweep={"workers": [8, 20]}))
    assert some.warnings == [f"{path}.fraction = 0.05: chooses none of the workers of any arm (at workers = 8)"]
    for point in some.points:  # a point's file is run again as it is
        assert Scenario.parse(yaml12.read(point.scenario.to_yaml())) == point.scenario


FILES: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "down.csv",
        "worker,down_s,up_s\n1,0,5\n2,0,5\n\n3,1,\n4,0,5\n",
        {"faults": [{"name": "availability", "file": "down.csv", "parameters": "kept"}]},
        r"faults.0 = {.*: down.csv, line 6: worker = 4 \(are they numbered from 1 here\?\), and no arm has that worker",
    ),
    (
        "down.csv",
        "worker,down_s,up_s\n0,0,5\n7,0,5\n",
        {"faults": [{"name": "availability", "file": "down.csv", "parameters": "kept", "workers": [0]}]},
        r"faults.0 = {.*: down.csv, line 3: worker = 7, and no arm has that worker: they are numbered 0 to 3",
    ),
    (
        "links.csv",
        "# from 1\n0,1\n1,2\n2,3\n3,4\n",
        {"topology": {"name": "edge_list", "file": "links.csv"}},
        "topology = {.*: links.csv, line 5: links 3 and 4, and no arm has that worker: they are numbered 0 to 3",
    ),
    (
        "links.csv",
        "0,1\n1,2\n2,3\n2,9\n",
        {"topology": {"name": "matchings", "base": {"name": "edge_list", "file": "links.csv"},
                      "activation_probability": 0.5}},
        "topology = {.*: links.csv, line 4: links 2 and 9, and no arm",
    ),
    (
        "latency.csv",
        "0,1,1,1,1\n1,0,1,1,1\n1,1,0,1,1\n1,1,1,0,1\n1,1,1,1,0\n",
        {"network": {"latency_s": {"matrix": "latency.csv"}, "bandwidth_bytes_per_s": None}},
        "network.latency_s = {.*: latency.csv, line 5: is a row of worker 4, and no arm has that worker",
    ),
    (
        "",
        "",
        {"network": {"latency_s": 0, "bandwidth_bytes_per_s": {"up": None, "down": [1, 2, 3, 4, 5]},
                     "sharing": "none"}},
        "network.bandwidth_bytes_per_s = {.*: down has 5 numbers, and no arm has that worker",
    ),
    (
        "",
        "",
        {"network": {"latency_s": {"regions": [[0, 1], [2, 3, 4]], "within_s": 1, "between_s": 2},
                     "bandwidth_bytes_per_s": None}},
        "network.latency_s = {.*: regions has 4, and no arm has that worker",
    ),
    (
        "",
        "",
        {"network": {"latency_s": 0, "bandwidth_bytes_per_s": None,
                     "partitions": [{"from_s": 1, "until_s": 2, "groups": [[0, 1], [2, 4]]}]}},
        "network.partitions.0 = {.*: groups has 4, and no arm has that worker",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "sections", "message"), FILES)
def test_what_is_said_of_workers_that_no_arm_has(
    name: str, content: str, sections: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name:
        Path(name).write_text(content)
    with pytest.raises(ScenarioError, match=message):
        scenario(**sections)
    if "matchings" in str(sections):
        return
    # An arm, or a point of a sweep, that has the worker will do.
    more = {"workers": 10, "topology": "ring"} if "2,9" in content else {"workers": 8 if "7," in content else 5}
    bigger = {**PUSH, **more}
    if "down has 5" in message or "matrix" in str(sections) or "regions" in str(sections) or "faults" in sections:
        parsed = scenario(**sections, arms={"small": PUSH, "big": bigger})
        assert Scenario.parse(parsed.to_data()) == parsed
    swept = Sweep.parse({**copy.deepcopy(BASE), **sections, "sweep": {"workers": [4, more["workers"]]}})
    for point in swept.points:
        assert Scenario.parse(yaml12.read(point.scenario.to_yaml())) == point.scenario
    with pytest.raises(ScenarioError, match=message.partition(": ")[2].partition(",")[0]):
        Sweep.parse({**copy.deepcopy(BASE), **sections, "sweep": {"workers": [3, 4]}})


def test_a_server_is_a_node_after_the_last_worker(tmp_path: Path) -> None:
    path = tmp_path / "latency.csv"
    path.write_text("0,1,1,1,1\n1,0,1,1,1\n1,1,0,1,1\n1,1,1,0,1\n1,1,1,1,0\n")
    network = {"latency_s": {"matrix": str(path)}, "bandwidth_bytes_per_s": None}
    assert scenario(network=network, algorithm={"name": "downpour"}).arms["arm"].nodes == 5


def test_numbers_that_only_the_shared_section_has_are_warned_of() -> None:
    data = {**copy.deepcopy(BASE), "compute": {"time_s": 1, "stragglers": [{"workers": [0, 3], "factor": 2}]}}
    parsed = Scenario.parse({**data, "arms": arms(2, 3)})
    assert parsed.warnings == ["compute.stragglers.0.workers.1 = 3: no arm has that worker"]
    assert not Scenario.parse({**data, "arms": arms(2, 4)}).warnings
    with pytest.raises(ScenarioError, match=r"stragglers.0.workers = \[1, 1\]: worker 1 stands here twice"):
        Scenario.parse({**data, "compute": {"time_s": 1, "stragglers": [{"workers": [1, 1], "factor": 2}]}})


def test_warnings_are_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, rule = RULES[0]
    data = ruled(path, rule, arms=arms(4, 10), problem="none", until={"time_s": 0.3})
    data["network"]["message_bytes"] = 10
    file = tmp_path / "some.yaml"
    file.write_text(yaml12.write(data))
    told = f"warning: {path}.fraction = 0.05: chooses none of the workers of arm of4\n"
    for command in ("validate", "run"):
        done = gossim_command(command, file, cwd=tmp_path)
        assert (done.returncode, done.stderr.startswith(told)) == (0, True), done.stderr
    assert gossim_command("run", file, "--quiet", "--force", cwd=tmp_path).stderr == ""
    file.write_text(yaml12.write({**data, "sweep": {"seed": [1]}}).replace("seed:", "optimizer.learning_rate:"))
    done = gossim_command("validate", file, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, told)
    import gossim

    gossim.run(Scenario.parse(data))
    assert [record.getMessage() for record in caplog.records] == [told.removeprefix("warning: ").strip()]
