"""What validation compares: its figures from the clock, and those from real processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.validation import cases, closed_forms, diloco, page, processes, recorded
from benchmarks.validation.row import Row
from benchmarks.validation.simulation import arm_of, in_rounds, in_time

FREE = {"latency_s": 0.0, "bandwidth_bytes_per_s": None, "message_bytes": 1000}


def test_a_row_meets_its_goal_within_the_tolerance() -> None:
    assert Row("a", "b", "c", 20.0, 21.0, 0.05).met is True
    assert Row("a", "b", "c", 20.0, 21.1, 0.05).met is False
    assert (Row("a", "b", "c", 0.0, 0.0, 0.05).met, Row("a", "b", "c", 0.0, 0.1, 0.05).met) == (True, False)
    absent = Row("a", "b", "c", 1.0, None, 0.05, "why")
    assert (absent.ratio, absent.met) == (None, None)
    assert page.line(absent) == "| b | c | 1 | why |  | 0.05 |  |"
    assert page.summary([absent, Row("a", "b", "c", 2.0, 1.0, 0.1)]).splitlines()[-1] == "| a | 2 | 1 | 0 | 0.500 |"


def test_synchronous_rounds_agree_with_hand_arithmetic() -> None:
    """Three workers take 1, 1 and 3 s; a ring of 1,000 bytes among them takes 4 · 0.25 s + 4/3 s at 1,000 bytes/s."""
    network = {**FREE, "latency_s": 0.25, "bandwidth_bytes_per_s": 1000.0, "sharing": "fair"}
    compute = {"time_s": 1.0, "stragglers": [{"workers": [2], "factor": 3}]}
    arm = arm_of(3, {"name": "allreduce", "collective": "ring"}, network, 100.0, compute)
    collective_s = 1.0 + 4 / 3
    assert in_rounds(arm, 0, 2) == pytest.approx(
        {
            "total": 2 * (3 + collective_s),
            "coll": collective_s,
            "wait": 1 - 1 / (3 + collective_s),
            "wait_slow": 1 - 3 / (3 + collective_s),
        }
    )
    local = arm_of(3, {"name": "local_sgd", "period": 2, "collective": "ring"}, network, 100.0, compute)
    assert in_rounds(local, 0, 2)["total"] == pytest.approx(2 * (6 + collective_s))
    with pytest.raises(RuntimeError, match="1 rounds have ended, not 2"):
        in_rounds(arm_of(3, {"name": "allreduce"}, network, 9.0, compute), 0, 2)


def test_a_pull_agrees_with_hand_arithmetic() -> None:
    """Two workers pull after each step of 1 s, and wait 2 · 0.5 s for the answer, which is 0.5 s old."""
    pull = {"name": "gosgd_pull", "pull_probability": 1.0}
    found = in_time(arm_of(2, pull, {**FREE, "latency_s": 0.5}, 10.0, {"time_s": 1.0}), 0)
    assert (found["steps"], found["slow"], found["alpha"]) == (10, 5, 1)
    assert (found["wait"], found["wait_slow"], found["stale_s"]) == (0.5, 0.5, 0.5)


def test_slow_start_agrees_with_hand_arithmetic() -> None:
    """Windows of 1, 2 and 4 units of 14,480 bytes at 1.448 MB/s take 10, 20 and 40 ms: 20 and 10 ms are lost of 30."""
    assert recorded.slow_start_s(0.03, 1.448e6) == pytest.approx(0.02 + 0.01)
    assert recorded.slow_start_s(0.005, 1.448e6) == 0


def test_windows_hold_the_steps_and_synchronisations_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    line = [("computing", 1.0)] * 3 + [("sending", 7.0)]
    monkeypatch.setattr(diloco, "_line", lambda bytes_per_s, period, rounds: line * rounds)
    monkeypatch.setitem(diloco.WINDOWS, 3, (7, 2))
    assert diloco._utilisation(1.0, 3) == pytest.approx(100 * 7 / (7 + 14))
    monkeypatch.setitem(diloco.WINDOWS, 3, (6, 2))
    assert diloco._utilisation(1.0, 3) == pytest.approx(100 * 6 / (6 + 14))


def test_effective_neighbours_agree_with_the_published_ones() -> None:
    everybody = np.array([1.0, 0, 0, 0])
    assert closed_forms.effective_neighbours(everybody, 0.9) == pytest.approx(4)
    for row in closed_forms.neighbour_rows():
        assert row.ratio == pytest.approx(1, abs=0.02), row


def test_one_recorded_run_of_each_kind_is_as_near_as_the_page_says() -> None:
    data = json.loads((recorded.DATA / "real_processes.json").read_text())["main_M4"]
    links = recorded.network(data["latency_s"], data["bandwidth_bytes_per_s"], 500_000)
    assert links["after_idle_s"] == pytest.approx(0.0132, abs=2e-4)
    compute = {
        "time_s": {"distribution": "lognorm", "s": 0.25, "scale": 0.1},
        "stragglers": [{"workers": [3], "factor": 5}],
    }
    for name in ("push2", "push8", "pull2", "gloo"):
        measured, found = data["runs"][name]["1"], recorded.simulated(4, name, 1, links, compute)
        for quantity in {"steps", "total", "wait", "stale_s"} & set(measured):
            assert found[quantity] == pytest.approx(measured[quantity], rel=0.1), (name, quantity)


@pytest.mark.slow
def test_real_processes_beside_the_clock(tmp_path: Path) -> None:
    """They draw what gossim draws, so that they take the same steps, lose no weight and are no faster."""
    processes.run_workers(tmp_path)
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(cases.WORKERS)]
    network = {"latency_s": 1e-9, "bandwidth_bytes_per_s": None}
    for name in ("push", "pull"):
        seen = [rank[f"{name}/0"] for rank in ranks]
        real, ideal = processes.of_pairs(seen, name == "pull"), in_time(cases.arm_for(name, network), 0)
        assert real["alpha"] == pytest.approx(1, abs=1e-12)
        assert 0 < real["steps"] <= ideal["steps"]
    for name, rounds in cases.ROUNDS.items():
        real = processes.of_rounds([rank[f"{name}/0"] for rank in ranks])
        assert real["total"] >= in_rounds(cases.arm_for(name, network), 0, rounds)["total"]


def test_processes_that_fail_say_what_they_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="the processes ended with status 1"):
        processes.run_workers(tmp_path)
