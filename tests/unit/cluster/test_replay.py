"""Recorded compute times: each worker its own, in their order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import gossim
from gossim.cluster.compute_time import RecordOver
from gossim.errors import ScenarioError
from gossim.estimates.events import events
from gossim.files.trust import Trust, trusting
from gossim.scenario.scenario import Scenario
from support.scenarios import BASE, only_arm, scenario, world_of

STEPS = "rank,step,seconds\n0,0,1\n1,0,2\n0,1,0.5\n1,1,0.25\n"
FREE = {"latency_s": 0.0, "bandwidth_bytes_per_s": None, "message_bytes": 8}


def replay(folder: Path, content: str = STEPS, **more: Any) -> dict[str, Any]:
    (folder / "steps.csv").write_text(content)
    return {"replay": str(folder / "steps.csv"), "worker": "rank", "column": "seconds", **more}


def run(folder: Path, algorithm: dict[str, Any], until_s: float = 10.0, **more: Any) -> Any:
    stragglers = more.pop("stragglers", [])
    compute = {"time_s": replay(folder, **more), "stragglers": stragglers}
    sections = {"workers": 2, "problem": "none", "compute": compute, "network": FREE, "until": {"time_s": until_s}}
    return gossim.run(scenario(algorithm=algorithm, **sections), limits=False)


@pytest.mark.parametrize(("rank", "expected"), [(0, [1, 0.5, 1, 0.5, 1]), (1, [2, 0.25, 2, 0.25, 2])])
def test_each_worker_takes_its_own_times_in_their_order(tmp_path: Path, rank: int, expected: list[float]) -> None:
    arm = only_arm(workers=2, compute={"time_s": replay(tmp_path)})
    pace = arm.gradient_s(3, rank)
    assert [pace(0.0) for _ in range(5)] == expected
    pace = arm.gradient_s(3, rank)
    ends = pace.sums if pace.ahead() else ()
    assert [round(int(end) / 1e12, 9) for end in ends[:3]] == [sum(expected[:n]) for n in (1, 2, 3)]


def test_a_long_record_wraps_where_it_ends_and_not_where_a_block_does(tmp_path: Path) -> None:
    times = [1 + n / 1024 for n in range(700)]  # more than a block of 512, and no part of it
    content = "rank,seconds\n" + "".join(f"0,{time}\n" for time in times)
    pace = only_arm(workers=1, compute={"time_s": replay(tmp_path, content)}).gradient_s(0, 0)
    assert [pace(0.0) for _ in range(2000)] == pytest.approx((times * 3)[:2000], abs=1e-12)
    stopping = only_arm(workers=1, compute={"time_s": replay(tmp_path, content, at_end="stop")}).gradient_s(0, 0)
    assert [stopping(0.0) for _ in range(700)] == pytest.approx(times, abs=1e-12)
    assert stopping.ahead() == 0
    with pytest.raises(RecordOver):
        stopping(0.0)


def test_steps_and_rounds_end_when_hand_arithmetic_says(tmp_path: Path) -> None:
    # Worker 0 takes 1.5 s for two steps: 12 in 9 s and one more by 10 s. Worker 1 takes 2.25 s: 8 in 9 s.
    assert run(tmp_path, {"name": "gosgd_push", "push_probability": 0.0}).probes["gradient_steps"].iloc[-1] == 13 + 8
    # A round takes as long as the slower of both: 2 s and 0.5 s in turn, so 8 rounds in 10 s.
    probes = run(tmp_path, {"name": "allreduce", "collective": "ring"}).probes
    assert probes["gradient_steps"].iloc[-1] == 2 * 8


def test_a_run_stops_with_the_first_record_that_is_over(tmp_path: Path) -> None:
    alone = run(tmp_path, {"name": "gosgd_push", "push_probability": 0.0}, at_end="stop")
    assert (alone.probes["time_s"].iloc[-1], alone.probes["gradient_steps"].iloc[-1]) == (1.5, 2)
    together = run(tmp_path, {"name": "allreduce", "collective": "ring"}, at_end="stop")
    assert (together.probes["time_s"].iloc[-1], together.probes["gradient_steps"].iloc[-1]) == (2.5, 4)
    assert together.workers.groupby("worker")["busy_s"].max().tolist() == [1.5, 2.25]


def test_stragglers_lengthen_recorded_times(tmp_path: Path) -> None:
    slow = run(tmp_path, {"name": "gosgd_push", "push_probability": 0.0}, stragglers=[{"workers": [0], "factor": 4}])
    assert slow.probes["gradient_steps"].iloc[-1] == 3 + 8  # worker 0: at 4, 6 and 10 s


@pytest.mark.parametrize("at_end", ["wrap", "stop"])
def test_steps_planned_together_are_those_taken_one_by_one(tmp_path: Path, at_end: str) -> None:
    sections = {"workers": 2, "compute": {"time_s": replay(tmp_path, at_end=at_end)}, "until": {"time_s": 9.0}}
    worlds = [world_of(only_arm(**sections), stepwise=stepwise) for stepwise in (False, True)]
    for world in worlds:
        for _ in world.windows(1000, 10**9):
            pass
    apart, together = worlds
    assert apart.clock.now == together.clock.now
    assert [worker.steps for worker in apart.workers] == [worker.steps for worker in together.workers]
    assert apart.network.messages_sent == together.network.messages_sent


def test_rows_of_workers_that_no_arm_has_are_refused(tmp_path: Path) -> None:
    compute = {"time_s": replay(tmp_path, "rank,seconds\n0,1\n1,1\n3,1\n2,1\n")}
    with pytest.raises(ScenarioError, match=r"steps\.csv, line 5: rank = 2, and no arm has that worker"):
        scenario(workers=2, compute=compute)
    sgd = {"algorithm": {"name": "sgd"}}
    both = scenario(workers=4, compute=compute, arms={"two": {**sgd, "workers": 2}, "four": sgd})
    assert both.arms["two"].gradient_s(0, 1)(0.0) == 1.0
    assert only_arm(workers=2, compute=compute, unused="warn").workers == 2


def test_the_file_is_not_read_with_a_run_directory(tmp_path: Path) -> None:
    file = {"time_s": replay(tmp_path, "rank,seconds\n0,1\n1,1\n")}
    (tmp_path / "steps.csv").unlink()
    with trusting(Trust(imports=False, files=False)):
        assert only_arm(workers=2, compute=file).workers == 2


def test_recorded_times_are_read_in_their_unit(tmp_path: Path) -> None:
    content = "rank,ms,t\n0,1,1\n1,2,2\n"
    in_ms = only_arm(workers=2, compute={"time_s": replay(tmp_path, content, column="ms", unit="ms")})
    assert in_ms.gradient_s(0, 1)(0.0) == 0.002
    told = scenario(
        workers=2, until={"time_s": 0.5}, compute={"time_s": replay(tmp_path, content, column="t")}
    ).warnings
    assert any("says no unit" in warning and "seconds" in warning for warning in told)


def test_what_is_repeated_is_warned_of(tmp_path: Path) -> None:
    told = scenario(workers=2, until={"time_s": 10.0}, compute={"time_s": replay(tmp_path)}).warnings
    assert len(told) == 1
    assert "has 1.5 s of worker 0, and the run may last 10 s; its times are repeated" in told[0]
    for enough in ({"until_s": 1.5}, {"until_s": 10.0, "at_end": "stop"}):
        until_s = enough.pop("until_s")
        compute = {"time_s": replay(tmp_path, **enough)}
        assert not scenario(workers=2, until={"time_s": until_s}, compute=compute).warnings


def test_no_more_steps_are_expected_than_were_recorded(tmp_path: Path) -> None:
    arm = only_arm(workers=2, until={"time_s": 1e9}, compute={"time_s": replay(tmp_path, at_end="stop")})
    assert events(arm, 8).steps == 4 + 2  # and those that are begun
    wrapped = only_arm(workers=2, until={"time_s": 900.0}, compute={"time_s": replay(tmp_path)})
    assert events(wrapped, 8).steps == pytest.approx(900 / 0.75 + 900 / 1.125, rel=0.01)


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        (STEPS, {"worker": "steps"}, "has no column 'steps'; did you mean 'step'?"),
        ("rank,seconds\n0,1\n2,1\n", {}, "has no times of worker 1, and there are 2 workers"),
        ("rank,seconds\n1,1\n2,1\n", {}, "worker 0, and there are 2 workers (are they numbered from 1 here?)"),
        ("rank,seconds\n0.5,1\n", {}, "line 2: rank = '0.5': must be a whole number >= 0"),
        ("rank,seconds\n-1,1\n", {}, "line 2: rank = '-1': must be a whole number >= 0"),
        ("rank,seconds\n0,1\n1,0\n", {}, "line 3: seconds = '0': must be a number > 0"),
        ("rank,seconds\n0,1\n1,\n", {}, "line 3: seconds = '': must be a number > 0"),
        ("rank,seconds\n", {}, "has no rows under its header"),
        ("rank,ms\n0,1\n1,1\n", {"column": "ms"}, "says another unit than seconds: ms"),
        (STEPS, {"at_end": "stay"}, "unknown at_end"),
        (STEPS, {"columns": "seconds"}, "unknown key; did you mean 'column'?"),
        (STEPS, {"unit": "MB/s"}, "is not a unit that is known here"),
    ],
)
def test_records_that_cannot_be_used(tmp_path: Path, content: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(message)) as caught:
        scenario(workers=2, compute={"time_s": replay(tmp_path, content, **more)})
    assert "compute.time_s" in str(caught.value)


def test_the_file_must_be_there_and_the_resolved_scenario_reads_back(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="absent.csv: cannot be read: No such file"):
        scenario(workers=2, compute={"time_s": {"replay": "absent.csv", "worker": "rank", "column": "seconds"}})
    own = scenario(workers=2, compute={"time_s": replay(tmp_path)})
    data = own.model_dump(mode="json")
    assert data["arms"]["arm"]["compute"]["time_s"]["at_end"] == "wrap"
    assert Scenario.parse({**BASE, "workers": 2, "compute": data["arms"]["arm"]["compute"]}, "again").arms == own.arms
