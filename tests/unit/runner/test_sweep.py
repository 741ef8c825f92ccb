"""Sweeps: the grid, what is refused, the table, going on after a stop, the figure."""

from __future__ import annotations

import copy
import json
import math
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import gossim
from gossim.analysis.summary import per_seed
from gossim.errors import InputError, ScenarioError
from gossim.files import yaml12
from gossim.results import Results, SweepResults
from gossim.runner.sweep_directory import SweepDirectory
from gossim.scenario.sweep import Sweep, changed
from support.commands import GOSSIM, gossim_command
from support.processes import started
from support.scenarios import BASE, DIGITS, scenario
from support.sweeps import PUSH, SWEPT, Watched


def test_a_row_for_each_point_arm_and_seed(swept: tuple[SweepResults, Path]) -> None:
    results, out = swept
    table = results.table
    keys = [(m, p, arm, seed) for m in (2, 4) for p in (0.1, 1.0) for arm in ("push", "together") for seed in (0, 1)]
    assert list(table[["workers", PUSH, "arm", "seed"]].itertuples(index=False, name=None)) == keys
    assert (table["status"] == "complete").all()
    assert {"test_loss", "time_s", "gradient_steps", "bytes_sent", "time_to_target_s"} <= set(table.columns)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "sweep.parquet"), table)
    assert results.errors == {}


def test_a_point_is_the_run_of_its_scenario(swept: tuple[SweepResults, Path]) -> None:
    results, out = swept
    alone = gossim.run(at_point(workers=4, push_probability=0.1))
    rows = results.table[(results.table["workers"] == 4) & (results.table[PUSH] == 0.1)].reset_index(drop=True)
    expected = per_seed(alone)
    pd.testing.assert_frame_equal(rows[expected.columns], expected, check_dtype=False, check_exact=True)
    point = results.sweep.points[2]
    kept = Results.open(out / "points" / point.name)
    assert kept.scenario == point.scenario == alone.scenario
    pd.testing.assert_frame_equal(kept.probes, alone.probes)


def at_point(workers: int, push_probability: float) -> gossim.Scenario:
    data = {key: value for key, value in SWEPT.items() if key != "sweep"}
    return gossim.Scenario.parse(data).override({"workers": workers, PUSH: push_probability})


def test_what_is_done_is_not_run_again(tmp_path: Path) -> None:
    described = Sweep.parse(SWEPT)
    stopped = Watched(stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        gossim.sweep(described, out=tmp_path / "out", jobs=1, progress=stopped)
    left = pd.read_parquet(tmp_path / "out" / "sweep.parquet")
    assert len(left) == 3 * 2 * 2
    broken = SweepDirectory(tmp_path / "out").run_directory(described.points[0]).path / "manifest.json"
    manifest = json.loads(broken.read_text())
    broken.write_text(json.dumps({**manifest, "status": "running"}))  # as a process that was killed leaves it
    again = Watched()
    results = gossim.sweep(described, out=tmp_path / "out", jobs=1, progress=again)
    assert again.begun == (4, 2)
    assert [point.values for point, _ in again.points] == [described.points[0].values, described.points[3].values]
    pd.testing.assert_frame_equal(results.table[: len(left)], left)
    more = {**SWEPT, "sweep": {"workers": [2, 3], PUSH: [1.0]}}
    wider = Watched()
    assert len(gossim.sweep(Sweep.parse(more), out=tmp_path / "out", jobs=1, progress=wider).table) == 8
    assert wider.begun == (2, 1)


def test_over_several_processes_the_same_table(swept: tuple[SweepResults, Path]) -> None:
    results, _ = swept
    before = dict(os.environ)
    watched = Watched()
    again = gossim.sweep(Sweep.parse(SWEPT), jobs=2, progress=watched)  # without out: nothing is kept
    pd.testing.assert_frame_equal(again.table, results.table)
    assert len(watched.points) == 4
    assert dict(os.environ) == before


def test_a_point_that_breaks_down_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    data = {**SWEPT, "repeats": 1, "sweep": {"optimizer.learning_rate": [0.05, 1e300]}}
    out = tmp_path / "out"
    results = gossim.sweep(Sweep.parse(data), out=out, jobs=1)
    assert list(results.table["status"]) == ["complete", "complete", "diverged", "diverged"]
    (message,) = results.errors.values()
    assert "arm 'push', seed 0: diverged" in message
    again = Watched()
    assert gossim.sweep(Sweep.parse(data), out=out, jobs=1, progress=again).errors == results.errors
    assert again.begun == (2, 2)


def test_a_point_that_cannot_begin_fails_alone() -> None:
    """What is seen only when the model is made: crops of 28 pixels of pictures of 8."""
    problem = {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 2}
    data = {**SWEPT, "problem": problem, "until": {"gradient_steps": 4}, "repeats": 1}
    data["sweep"] = {"problem.model": [{"name": "gosgd_cnn"}, {"name": "logistic"}]}
    results = gossim.sweep(Sweep.parse(data), jobs=1)
    assert list(results.table["status"]) == ["failed", "failed", "complete", "complete"]
    assert results.table["test_loss"].notna().tolist() == [False, False, True, True]
    assert list(results.table["problem.model"])[::2] == ['{"name": "gosgd_cnn"}', '{"name": "logistic"}']
    assert [*results.errors.values()] == [next(iter(results.errors.values()))]
    assert "needs images of 28" in next(iter(results.errors.values()))
    assert results.plot() == {}


BAD: list[tuple[Any, list[str]]] = [
    (3, ["sweep = 3: must be a mapping of dotted keys to lists of values"]),
    ({}, ["sweep = {}: must be a mapping of dotted keys"]),
    ({"workers": 4}, ["sweep.workers = 4: must be a list of values"]),
    ({"workers": []}, ["sweep.workers = []: must be a list of values"]),
    ({"work..ers": [4]}, ["sweep.work..ers: must be a dotted key"]),
    ({"seed": [1, 2]}, ["sweep.seed: cannot be swept: for more seeds use repeats"]),
    ({"repeats": [1, 2]}, ["sweep.repeats: cannot be swept: every point has the same seeds"]),
    ({"sweep": [{}]}, ["sweep.sweep: cannot be swept: a point is one run"]),
    (
        {"network.latency_s": [0.1], "network": [{"latency_s": 0.2, "bandwidth_bytes_per_s": None}]},
        ["sweep.network: cannot be swept beside network.latency_s: one is a part of the other"],
    ),
    (
        {"network": [{"latency_s": 0.2}], "network.latency_s": [0.1]},
        ["sweep.network.latency_s: cannot be swept beside network: one is a part of the other"],
    ),
    ({"arms": [{}]}, ["sweep.arms: cannot be swept: every point has the same arms"]),
    ({"arms.psh.workers": [1]}, ["sweep.arms.psh.workers: unknown arm 'psh'; did you mean 'push'?"]),
    ({"wrokers": [4]}, ["wrokers = 4: unknown key; did you mean 'workers'?"]),
    (
        {"arms.push.algorithm.push_probabilty": [0.5]},
        ["arms.push.algorithm.push_probabilty = 0.5: unknown key; did you mean 'push_probability'?"],
    ),
    ({"compute.stragglers.0.factor": [2]}, ["compute.stragglers = {'0': {factor: 2}}: must be a list"]),
    ({"workers": [4, 0], PUSH: [0.1, 0.2]}, ["workers = 0: must be a whole number >= 1"]),
    (
        {"workers": [4, 0], PUSH: [0.1, 1.4]},
        [f"{PUSH} = 1.4: must be in [0, 1]", "workers = 0: must be a whole number >= 1"],
    ),
    (
        {"workers": [2, 4], "compute.stragglers": [[], [{"workers": [3], "factor": 5}]]},
        [
            "compute.stragglers.0.workers.0 = 3: must be below 2: workers are numbered 0 to 1 "
            "(at workers = 2, compute.stragglers = [{workers: [3], factor: 5}])"
        ],
    ),
    ({"workers": [4, 4]}, ["sweep: workers = 4 and workers = 4 are the same run"]),
    ({"workers": list(range(1, 201)), PUSH: [0.01 * n for n in range(100)]}, ["sweep: has 20,000 points; at most"]),
]


@pytest.mark.parametrize(("grid", "messages"), BAD, ids=[str(grid)[:40] for grid, _ in BAD])
def test_bad_sweeps_are_told_before_anything_runs(grid: Any, messages: list[str], tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        gossim.sweep(Sweep.parse({**copy.deepcopy(SWEPT), "sweep": grid}, "file.yaml"), out=tmp_path / "out")
    assert str(caught.value).startswith("file.yaml: ")
    assert len(caught.value.problems) == len(messages), caught.value
    for problem, message in zip(caught.value.problems, messages, strict=True):
        assert message in problem
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [{}, {"workers": [2, 3]}])
def test_what_is_not_a_number_is_named_as_any_value(more: dict[str, Any]) -> None:
    grid = {"optimizer.learning_rate": [0.1, math.nan], **more}
    with pytest.raises(ScenarioError) as caught:
        Sweep.parse({**copy.deepcopy(SWEPT), "sweep": grid})
    assert caught.value.problems == ["optimizer.learning_rate = .nan: must be finite"]


def test_what_is_no_sweep_and_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="sweep: is required, as `sweep: {workers: "):
        Sweep.parse(BASE)
    with pytest.raises(ScenarioError, match="sweep: describes many runs; use `gossim sweep`"):
        gossim.Scenario.parse(SWEPT)
    with pytest.raises(ScenarioError, match="workers = 3: the sweep sets this key itself"):
        changed(SWEPT, {"workers": 3}, "file.yaml")
    parts = {**SWEPT, "sweep": {"network": [{"latency_s": 0.2, "bandwidth_bytes_per_s": None}], "compute.time_s": [1]}}
    with pytest.raises(ScenarioError, match="network.latency_s = 0.5: the sweep sets network, of which one is a part"):
        changed(parts, {"network.latency_s": 0.5}, "file.yaml")
    with pytest.raises(ScenarioError, match="compute = .*: the sweep sets compute.time_s, of which one is a part"):
        changed(parts, {"compute": {"time_s": 2}}, "file.yaml")
    assert changed(parts, {"network_": 1}, "file.yaml")["network_"] == 1  # a longer name is no part
    with pytest.raises(InputError, match="jobs = 0: must be a whole number >= 1"):
        gossim.sweep(Sweep.parse(SWEPT), jobs=0)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="holds other files and no sweep"):
        gossim.sweep(Sweep.parse(SWEPT), out=tmp_path)
    with pytest.raises(InputError, match="cannot be used"):
        gossim.sweep(Sweep.parse(SWEPT), out=tmp_path / "thesis.tex" / "x")


def test_in_python_the_grid_may_be_given(tmp_path: Path) -> None:
    results = gossim.sweep(scenario(), {"network.latency_s": [0.001, 0.1, None][:2]}, jobs=1)
    assert list(results.table["network.latency_s"]) == [0.001, 0.1]
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(SWEPT, sort_keys=False))
    again = gossim.sweep(path, {"topology": ["ring", "complete"], "dtype": ["float32"]}, jobs=1)
    assert list(again.table["topology"])[::4] == ["ring", "complete"]
    assert again.plot() == {}  # nothing numeric to draw against
    mixed = gossim.sweep(scenario(), {"compute.time_s": [0.1, {"distribution": "expon", "scale": 0.1}]}, jobs=1)
    assert [json.loads(text) for text in mixed.table["compute.time_s"]] == [
        p.values["compute.time_s"] for p in mixed.sweep.points
    ]
    nulls = gossim.sweep(scenario(), {"network.bandwidth_bytes_per_s": [None, 1e5], "workers": [2]}, jobs=1)
    assert np.isnan(nulls.table["network.bandwidth_bytes_per_s"].iloc[0])


def test_numbers_and_arrays_of_numpy_are_numbers() -> None:
    grid = {"workers": list(np.arange(2, 4)), "optimizer.learning_rate": np.linspace(0.1, 0.2, 2)}
    described = Sweep.parse({**scenario().written(), "sweep": grid})
    assert [tuple(point.values.values()) for point in described.points] == [(2, 0.1), (2, 0.2), (3, 0.1), (3, 0.2)]
    assert yaml12.read(yaml12.write(dict(described.data)))["sweep"] == {
        "workers": [2, 3],
        "optimizer.learning_rate": [0.1, 0.2],
    }
    assert {type(value) for point in described.points for value in point.values.values()} == {int, float}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SWEPT, sort_keys=False))
    return path


@pytest.mark.draws
def test_gossim_sweep_runs_every_point_and_draws_figures(file: Path) -> None:
    done = gossim_command("sweep", file, "--set", "repeats=1", "--jobs", "1", cwd=file.parent)
    assert done.returncode == 0, done.stderr
    assert "4 of 4: workers = 4" in done.stderr
    assert re.search("8 rows in .*, figures in .*figures", done.stdout)
    assert len(pd.read_parquet(file.parent / "runs" / "small" / "sweep.parquet")) == 8
    refused = gossim_command("run", file, cwd=file.parent)
    assert refused.returncode == 2
    assert "sweep: describes many runs; use `gossim sweep`" in refused.stderr
    valid = gossim_command("validate", file)
    assert f"valid; a sweep of 4 points over workers, {PUSH}; arms push, together; 2 seed(s)" in valid.stdout
    file.write_text(yaml.safe_dump({**SWEPT, "sweep": {"optimizer.learning_rate": [1e300]}}))
    broke = gossim_command("sweep", file, "--quiet", "--out", "broken", "--jobs", "1", cwd=file.parent)
    assert (broke.returncode, broke.stdout) == (1, "")
    assert "optimizer.learning_rate = 1.0e+300: arm 'push', seed 0: diverged" in broke.stderr
    assert "Traceback" not in broke.stderr


@pytest.mark.slow
def test_ctrl_c_leaves_what_is_done(file: Path) -> None:
    """The whole group gets the signal, as from a terminal."""
    file.write_text(yaml.safe_dump({**SWEPT, "sweep": {"until": [{"time_s": 1.0}, {"time_s": 1e6}, {"time_s": 2e6}]}}))
    command = [*GOSSIM, "sweep", str(file), "--out", "out", "--jobs", "2"]
    table, deadline = file.parent / "out" / "sweep.parquet", time.monotonic() + 120
    with started(command, cwd=file.parent) as process:
        while time.monotonic() < deadline and process.poll() is None:
            if table.exists() and len(pd.read_parquet(table)) == 4:
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert "Traceback" not in errors
        assert "the same command goes on" in errors
        assert list(pd.read_parquet(table)["status"]) == ["complete"] * 4
        with pytest.raises(ProcessLookupError):  # nobody is left behind
            while time.monotonic() < deadline:
                os.killpg(process.pid, 0)
                time.sleep(0.1)
