"""Nothing that stands in a scenario, in a file that it names or on the command line is passed over in silence."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from gossim.cli.options import set_values, varied_values
from gossim.errors import InputError, ScenarioError
from gossim.files import yaml12
from gossim.scenario.overrides import put
from gossim.scenario.scenario import Scenario
from gossim.scenario.sweep import Sweep
from support.present import present
from support.scenarios import BASE, scenario

SGD = {"algorithm": {"name": "sgd"}}
ALL_PINNED = {"one": {**SGD, "optimizer": {"learning_rate": 0.1}}, "two": {**SGD, "optimizer": {"learning_rate": 0.2}}}


def test_a_whole_number_may_have_an_exponent() -> None:
    text = """
    {workers: 4e0, seed: 2.0, repeats: 1e1, until: {gradient_steps: 1e3},
     network: {latency_s: 0, bandwidth_bytes_per_s: null, message_bytes: 1.4e10},
     compute: {time_s: 1, stragglers: [{workers: [3.0], factor: 2}]},
     arms: {local: {algorithm: {name: local_sgd, period: 1e1}, workers: 2.0}, all: {algorithm: {name: sgd}}}}
    """
    parsed = scenario(**yaml12.read(text))
    assert (parsed.workers, parsed.seed, parsed.repeats, parsed.until.gradient_steps) == (4, 2, 10, 1000)
    assert present(parsed.arms["local"].network).message_bytes == 14_000_000_000
    assert parsed.arms["local"].algorithm.model_dump()["period"] == 10
    assert [arm.compute.stragglers[0].workers for arm in parsed.arms.values()] == [(), (3,)]
    assert type(parsed.workers) is int


@pytest.mark.parametrize("value", [1.5, 1e17, float("inf"), float("nan"), "3", True, "1_0"])
@pytest.mark.parametrize("key", ["workers", "repeats", "seed", "until.gradient_steps"])
def test_what_is_no_whole_number_is_refused(key: str, value: Any) -> None:
    sections = {"until": {"gradient_steps": value}} if "." in key else {key: value}
    with pytest.raises(ScenarioError, match=f"{key} = .*: must be a whole number"):
        scenario(**sections)


CELLS = [
    ("seconds\n1,5\n", "line 2: has 2 cells, and the header has 1"),
    ("seconds,worker\n1,2\n1,2,3\n", "line 3: has 3 cells, and the header has 2"),
    ("seconds,seconds\n1,2\n", "has 2 columns 'seconds'; which is meant?"),
    ('seconds\n"1,5"\n', "line 2: seconds = '1,5': must be a number > 0"),
    ('seconds\n"1"5\n', "line 2: is no CSV"),
    ('seconds\n"1\n2\n', "is no CSV"),
    ("seconds\n1_000\n", "line 2: seconds = '1_000': must be a number > 0"),
    ("seconds\n1e400\n", "line 2: seconds = '1e400': must be a number > 0"),
    ("seconds\nnan\n", "line 2: seconds = 'nan': must be a number > 0"),
    ("seconds\n1 s\n", "line 2: seconds = '1 s': must be a number > 0"),
    ("worker,seconds\n\n\n1,\n", "line 4: seconds = '': must be a number > 0"),
    ("seconds;worker\n1;2\n", "has no column 'seconds'"),
]


@pytest.mark.parametrize(("content", "message"), CELLS)
def test_bad_cells_of_a_file_are_refused_with_their_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    path.write_text(content)
    with pytest.raises(ScenarioError) as caught:
        scenario(compute={"time_s": {"distribution": "empirical", "file": str(path), "column": "seconds"}})
    assert message in str(caught.value)


def test_a_row_that_ends_too_soon_is_no_outage_for_good(tmp_path: Path) -> None:
    path = tmp_path / "outages.csv"
    fault = {"name": "availability", "file": str(path), "parameters": "kept"}
    path.write_text("worker,down_s,up_s\n1,5,\n")
    assert scenario(faults=[fault]).faults
    path.write_text("worker,down_s,up_s\n1,5\n")
    with pytest.raises(ScenarioError, match="line 2: has 2 cells, and the header has 3"):
        scenario(faults=[fault])


def test_lines_are_counted_as_editors_do(tmp_path: Path) -> None:
    path = tmp_path / "latency.csv"
    path.write_text("\n0,1\n\n-1,0\n")
    with pytest.raises(ScenarioError, match="line 4, column 1: '-1': must be a number of seconds"):
        scenario(workers=2, network={"latency_s": {"matrix": str(path)}, "bandwidth_bytes_per_s": None})


def test_a_change_that_every_arm_keeps_out_is_refused() -> None:
    base = scenario(arms=ALL_PINNED)
    for path, value in [("optimizer.learning_rate", 0.7), ("optimizer", {"learning_rate": 0.7})]:
        with pytest.raises(ScenarioError, match=f"{path} = .*: has no effect: every arm has its own"):
            base.override({path: value, "workers": 2})
    assert base.override({"optimizer.learning_rate": 0.05}) == base  # it is that already
    assert present(base.override({"arms.one.optimizer.learning_rate": 0.7}).arms["one"].optimizer).learning_rate == 0.7
    optimizer: Any = base.override({"optimizer.momentum": 0.7}).arms["two"].optimizer
    assert optimizer.momentum == 0.7
    assert scenario(arms={**ALL_PINNED, "free": SGD}).override({"optimizer.learning_rate": 0.7})
    assert base.override({"title": "other", "seed": 7, "dtype": "float32"}).arms["one"].dtype == "float32"


def test_a_value_is_not_replaced_by_a_part_of_another() -> None:
    base = scenario(topology="ring")
    for path, rule in [("topology.degree", "'topology' is ring"), ("network.latency_s.scale", "'latency_s' is 0.01")]:
        with pytest.raises(ScenarioError, match=f"{path} = 3: {rule}, which has no parts; set it as a whole"):
            base.override({path: 3})
    assert base.override({"compute.time_s.scale": 3}).compute.model_dump()["time_s"]["scale"] == 3
    assert present(base.override({"target.test_loss": 2}).target).test_loss == 2


@pytest.mark.parametrize("item", ["churn", 3, None, 0.5, True])
def test_an_item_of_a_list_that_has_no_parts_is_set_as_a_whole(item: object) -> None:
    with pytest.raises(ScenarioError, match=r"faults\.0\.at_s = 3: '0' is .*, which has no parts; set it as a whole"):
        put({"faults": [item]}, "faults.0.at_s", 3, "a.yaml")


def test_points_that_differ_in_what_every_arm_has_of_its_own() -> None:
    data = {**copy.deepcopy(BASE), "arms": ALL_PINNED}
    rule = (
        "sweep: optimizer.learning_rate = 0.3 and optimizer.learning_rate = 0.4 are the same run: every arm has its own"
    )
    with pytest.raises(ScenarioError, match=rule):
        Sweep.parse({**data, "sweep": {"optimizer.learning_rate": [0.3, 0.4]}})
    with pytest.raises(ScenarioError, match="title = b and title = c are the same run"):
        Sweep.parse({**data, "sweep": {"title": ["b", "c"]}})
    with pytest.raises(ScenarioError, match="workers = 4 and workers = 4.0 are the same run"):
        Sweep.parse({**copy.deepcopy(BASE), "sweep": {"workers": [4, 4.0]}})


def test_one_value_for_each_key_on_the_command_line() -> None:
    assert set_values(["optimizer={learning_rate: 1}", "optimizer.momentum=0.5"]) == {
        "optimizer": {"learning_rate": 1},
        "optimizer.momentum": 0.5,
    }
    for changes in (["workers=4", "workers=8"], ["optimizer.momentum=0.5", "optimizer={learning_rate: 1}"]):
        with pytest.raises(InputError, match="--set .*: overwrites the earlier --set .*=…"):
            set_values(changes)


def test_a_target_that_some_arms_do_not_measure() -> None:
    blind = {"other": SGD, "blind": {**SGD, "problem": {"model": {"name": "noise", "dim": 3}}}}
    parsed = scenario(arms=blind, target={"test_loss": 0.5})
    assert parsed.warnings == ["target.test_loss = 0.5: is not measured in arm blind"]
    assert Scenario.parse(parsed.to_data()).warnings == parsed.warnings


@pytest.mark.parametrize("text", ["run #3", "# 3", "0.5 # half", "{a: 1} #"])
def test_what_yaml_takes_for_a_comment_is_not_left_out_of_a_value(text: str) -> None:
    with pytest.raises(InputError, match=f"--set title={re.escape(text)}: YAML takes # and what follows for a comment"):
        set_values([f"title={text}"])
    assert set_values([f"title='{text}'", "name=a#b"]) == {"title": text, "name": "a#b"}


def test_a_value_that_is_not_there_is_not_left_out() -> None:
    assert varied_values(["workers=2,3"]) == {"workers": [2, 3]}
    for values in ("2,", "2, ", "2,,3", ",2"):
        with pytest.raises(InputError, match="--vary workers="):
            varied_values([f"workers={values}"])
