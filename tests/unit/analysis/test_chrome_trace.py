"""`gossim trace`: what it writes keeps the rules of the trace-event format."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gossim
from gossim.analysis.chrome_trace import write_trace
from gossim.errors import InputError
from gossim.tables.columns import LATER
from support.algorithms import ALGORITHMS
from support.commands import gossim_command
from support.scenarios import scenario


def run_of(**sections: Any) -> gossim.Results:
    crash = {"name": "crash", "workers": [1], "at_s": 1.0, "back_after_s": 0.5, "parameters": "kept"}
    return gossim.run(scenario(until={"time_s": 3.0}, repeats=2, faults=[crash], **sections))


@pytest.fixture(scope="module")
def results() -> gossim.Results:
    arms: dict[str, Any] = {
        "push": {"algorithm": ALGORITHMS["gosgd_push"]},
        "pull": {"algorithm": {**ALGORITHMS["gosgd_pull"], "timeout_s": 0.3}},
        "together": {"algorithm": {"name": "allreduce", "timeout_s": 0.4}},
        "server": {"algorithm": {**ALGORITHMS["downpour"], "timeout_s": 0.3}},
        "alone": {"algorithm": {"name": "sgd"}, "workers": 1, "faults": []},
    }
    return run_of(arms=arms)


@pytest.fixture(scope="module")
def events(results: gossim.Results, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    arrows = write_trace(results, path)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    trace = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert trace["otherData"]["seed"] == 0
    assert arrows == sum(event["ph"] == "s" for event in trace["traceEvents"]) > 20
    return trace["traceEvents"]


def tracks(events: list[dict[str, Any]], *kinds: str) -> dict[tuple[int, int], list[dict[str, Any]]]:
    found = defaultdict(list)
    for event in events:
        if event["ph"] in kinds:
            found[event["pid"], event["tid"]].append(event)
    return found


def names(events: list[dict[str, Any]]) -> dict[tuple[int, int], str]:
    return {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}


def test_every_event_has_what_its_kind_needs(events: list[dict[str, Any]]) -> None:
    needed = {"X": {"dur", "cat"}, "s": {"id", "cat"}, "f": {"id", "cat", "bp"}, "C": {"args"}, "M": {"args"}}
    for event in events:
        assert {"name", "pid", "tid", "ts", *needed[event["ph"]]} <= set(event)
        assert event["ts"] >= 0
        assert event.get("dur", 0) >= 0
        if event["ph"] == "C":
            assert all(isinstance(value, float) for value in event["args"].values())


def test_times_do_not_go_back_on_any_track(events: list[dict[str, Any]]) -> None:
    for own in tracks(events, "X", "s", "f", "C").values():
        assert [event["ts"] for event in own] == sorted(event["ts"] for event in own)


def test_activities_follow_each_other_and_do_not_overlap(events: list[dict[str, Any]]) -> None:
    for own in tracks(events, "X").values():
        starts = [round(event["ts"] * 1000) for event in own]
        ends = [round((event["ts"] + event["dur"]) * 1000) for event in own]
        assert starts == [0, *ends[:-1]]
        assert ends[-1] == 3_000_000_000


def test_every_arrow_has_two_ends_inside_activities(events: list[dict[str, Any]], results: gossim.Results) -> None:
    begins = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert set(begins) == set(ends)
    assert len(begins) == sum(event["ph"] == "s" for event in events) == sum(event["ph"] == "f" for event in events)
    slices = tracks(events, "X")
    for number, begin in begins.items():
        end = ends[number]
        assert begin["pid"] == end["pid"]
        assert begin["ts"] < end["ts"]
        assert (begin["name"], begin["cat"]) == (end["name"], end["cat"])
        assert end["tid"] == begin["args"]["receiver"] + 1 != begin["tid"]
        for tip in (begin, end):
            assert any(s["ts"] <= tip["ts"] < s["ts"] + s["dur"] for s in slices[tip["pid"], tip["tid"]])
    messages = results.timeline[results.timeline["activity"] == "message"]
    assert len(messages) - 5 <= len(begins) <= len(messages)


def test_tracks_have_names_and_an_order(events: list[dict[str, Any]], results: gossim.Results) -> None:
    processes = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert list(processes.values()) == list(results.scenario.arms)
    named = names(events)
    assert {key for key, _ in Counter(tracks(events, "X", "s", "f")).items()} <= set(named)
    of_server = [name for (pid, _), name in named.items() if processes[pid] == "server"]
    assert of_server == ["worker 0", "worker 1", "worker 2", "worker 3", "server"]
    order = [event for event in events if event["name"] == "thread_sort_index"]
    assert [event["args"]["sort_index"] for event in order] == [event["tid"] - 1 for event in order]


def test_activities_are_those_of_the_first_seed(events: list[dict[str, Any]], results: gossim.Results) -> None:
    own = results.activities.query("arm == 'push' and seed == 0 and worker == 1").iloc[0]
    spent: dict[str, float] = defaultdict(float)
    for event in tracks(events, "X")[1, 2]:
        spent[event["name"]] += event["dur"] / 1e6
    assert spent["computing"] == pytest.approx(own["computing_s"])
    assert spent["down"] == pytest.approx(0.5)


def test_counters_are_what_was_measured(events: list[dict[str, Any]], results: gossim.Results) -> None:
    probes = results.probes.query("arm == 'push' and seed == 0")
    counted = defaultdict(list)
    for event in tracks(events, "C")[1, 0]:
        counted[event["name"]].append(event["args"])
    assert [args["alpha_sum"] for args in counted["Σα"]] == probes["alpha_sum"].tolist()
    assert [args["alpha_in_flight"] for args in counted["α in flight"]] == probes["alpha_in_flight"].tolist()
    distances = probes["consensus_distance"].tolist()
    assert [args["consensus_distance"] for args in counted["consensus distance"]] == distances
    for held, probe in zip(counted["α"], probes.itertuples(), strict=True):
        assert sum(held.values()) + probe.alpha_in_flight == pytest.approx(probe.alpha_sum)
    assert {event["name"] for event in tracks(events, "C")[3, 0]} == {"consensus distance"}


def test_where_the_record_ends_no_arrow_is_left_in_the_air(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gossim.runner.pair.TIMELINE_INTERVALS", 60)
    cut = run_of(algorithm=ALGORITHMS["gosgd_push"])
    assert len(cut.timeline) == 60
    write_trace(cut, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    assert sum(event["ph"] == "s" for event in events) > 3
    test_every_arrow_has_two_ends_inside_activities(events, cut)


def test_gossim_trace_writes_the_trace_of_every_arm(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arms = {name: {"algorithm": ALGORITHMS[name]} for name in ("gosgd_push", "dpsgd")}
    gossim.run(scenario(arms=arms), out=out)
    done = gossim_command("trace", out)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(out / "trace.json"), "")
    both = json.loads((out / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    one = tmp_path / "one.json"
    assert gossim_command("trace", out, "--arm", "dpsgd", "--out", one).returncode == 0
    alone = json.loads(one.read_text(encoding="utf-8"))["traceEvents"]
    assert alone == [event for event in both if event["pid"] == 2]
    wrong = gossim_command("trace", out, "--arm", "nobody")
    assert wrong.returncode == 2
    assert "--arm nobody: must be one of gosgd_push, dpsgd" in wrong.stderr
    for taken, told in ((tmp_path, "Is a directory"), (out / "manifest.json", "is a file of a run's own")):
        refused = gossim_command("trace", out, "--out", taken)
        assert (refused.returncode, told in refused.stderr.replace("\n", " ")) == (2, True)
    nowhere = gossim_command("trace", out, "--out", tmp_path / "no" / "where.json")
    assert (nowhere.returncode, "no is not a directory" in nowhere.stderr.replace("\n", "")) == (2, True)
    gossim.run(scenario(), out=out, force=True)
    assert not (out / "trace.json").exists()  # of a run that is no more


def test_runs_without_receivers_have_no_arrows_and_say_so(tmp_path: Path) -> None:
    gossim.run(scenario(), out=tmp_path)
    path = tmp_path / "timeline.parquet"
    pd.read_parquet(path).drop(columns=list(LATER["timeline"])).to_parquet(path, index=False)
    done = gossim_command("trace", tmp_path)
    assert done.returncode == 0
    assert "without the receivers of messages: no arrows" in done.stderr


def test_buckets_stand_beside_what_their_workers_compute(tmp_path: Path) -> None:
    """Two at once, of gloo, from the first of which a worker computes on: each begins and ends by itself."""
    results = gossim.run(scenario(algorithm={"name": "allreduce", "collective": "gloo", "buckets": 4}))
    assert write_trace(results, tmp_path / "trace.json") == 0
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    found: dict[str, list[float]] = defaultdict(list)
    for event in (event for event in events if event["name"] == "bucket"):
        assert event["ph"] == "be"[len(found[event["id"]])]
        found[event["id"]].append(event["ts"] / 1e6)
    recorded = results.timeline[results.timeline["activity"] == "message"]
    assert len(found) == len(recorded) > 8
    spans = sorted(recorded[["start_s", "end_s"]].to_numpy().tolist())
    assert np.array(sorted(found.values())) == pytest.approx(np.array(spans), abs=1e-9)


def test_a_run_without_activities_is_refused(tmp_path: Path) -> None:
    run = gossim.run(scenario())
    empty = gossim.Results(**{**vars(run), "timeline": run.timeline.iloc[:0]})
    with pytest.raises(InputError, match="the run: no activities were recorded"):
        write_trace(empty, tmp_path / "trace.json")
    assert not list(tmp_path.iterdir())
