"""Records, run directories, summaries, figures."""

from __future__ import annotations

import gc
import io
import itertools
import json
import math
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import gossim
from gossim.cli.tables import comparison
from gossim.errors import InputError, RunError, ScenarioError
from gossim.execute.planes import Gradients
from gossim.files.atomic import whole
from gossim.plots import FIGURES
from gossim.plots.figure_files import write_figures
from gossim.results import Results
from gossim.runner.earlier import earlier
from gossim.runner.experiment import Experiment
from gossim.scenario.scenario import Scenario
from gossim.tables.columns import TABLES
from gossim.tables.probe_rows import Observations
from gossim.tables.run_directory import RunDirectory
from support.drawing import drawn, no_figures, only
from support.present import present
from support.scenarios import BASE, DIGITS, scenario

SMALL: dict[str, Any] = {
    **BASE,
    "title": "A small run",
    "until": {"time_s": 1.5},
    "repeats": 2,
    "problem": {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 8},
    "optimizer": {"learning_rate": 0.5},
    "target": {"test_loss": 2.1},
    "arms": {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        "pull": {"algorithm": {"name": "gosgd_pull", "pull_probability": 0.5}},
        "together": {"algorithm": {"name": "allreduce"}},
        "alone": {"algorithm": {"name": "sgd"}, "workers": 1},
    },
}

FEW = {arm: SMALL["arms"][arm] for arm in ("push", "alone")}
USUAL = set(FIGURES) - {"gradient_gap", "metrics"}
"""The figures of a run that was asked for no more."""


@pytest.fixture(scope="module")
def small() -> Scenario:
    return Scenario.parse(SMALL, "small")


@pytest.fixture(scope="module")
def run(small: Scenario, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    out = tmp_path_factory.mktemp("runs") / "small"
    with drawn():
        return gossim.run(small, out=out), out


def test_the_tables_have_the_columns_they_promise(run: tuple[Results, Path]) -> None:
    results, out = run
    for name, columns in TABLES.items():
        table = pd.read_parquet(out / f"{name}.parquet")
        pd.testing.assert_frame_equal(table, getattr(results, name))
        assert list(table.columns) == [column.name for column in columns]
        assert [str(kind) for kind in table.dtypes] == [column.dtype for column in columns]


def test_the_tables_have_the_columns_promised_to_users() -> None:
    probes = "arm seed time_s gradient_steps bytes_sent bytes_carried messages_sent consensus_distance"
    probes += " consensus_max alpha_sum alpha_in_flight alpha_lost train_loss test_loss test_accuracy"
    assert [column.name for column in TABLES["probes"]] == probes.split()
    workers = "arm seed time_s worker steps alpha distance busy_s waiting_s"
    assert [column.name for column in TABLES["workers"]] == workers.split()


def test_a_row_for_each_arm_seed_and_probe(run: tuple[Results, Path]) -> None:
    results, _ = run
    times = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    keys = [(arm, seed, time_s) for arm in SMALL["arms"] for seed in (0, 1) for time_s in times]
    assert list(results.probes[["arm", "seed", "time_s"]].itertuples(index=False, name=None)) == keys
    workers = {"push": 4, "pull": 4, "together": 4, "alone": 1}
    assert len(results.workers) == sum(workers[arm] for arm, _, _ in keys)


def test_probes_agree_with_workers(run: tuple[Results, Path]) -> None:
    results, _ = run
    by_probe = results.workers.groupby(["arm", "seed", "time_s"])
    probes = results.probes.set_index(["arm", "seed", "time_s"])
    pd.testing.assert_series_equal(by_probe["steps"].sum(), probes["gradient_steps"].sort_index(), check_names=False)
    pd.testing.assert_series_equal(
        by_probe["distance"].mean(), probes["consensus_distance"].sort_index(), check_names=False
    )
    pd.testing.assert_series_equal(by_probe["distance"].max(), probes["consensus_max"].sort_index(), check_names=False)
    weighted = results.probes["arm"].isin(["push", "pull"])
    np.testing.assert_allclose(results.probes.loc[weighted, "alpha_sum"], 1, rtol=1e-12)
    assert results.probes.loc[~weighted, ["alpha_sum", "alpha_in_flight", "alpha_lost"]].isna().all(axis=None)
    held = by_probe["alpha"].sum()[["push", "pull"]]
    flying = probes["alpha_in_flight"].sort_index()[["push", "pull"]]
    np.testing.assert_allclose(held + flying, 1, rtol=1e-12)
    assert flying.max() > 0
    assert (results.probes.loc[results.probes["arm"] == "together", "consensus_distance"] == 0).all()
    np.testing.assert_allclose(results.workers["busy_s"] + results.workers["waiting_s"], results.workers["time_s"])


def test_bytes_are_messages_times_parameters(run: tuple[Results, Path]) -> None:
    results, _ = run
    gossip = results.probes[results.probes["arm"].isin(["push", "pull"])]
    assert (gossip["bytes_sent"] == gossip["messages_sent"] * 650 * 8).all()
    together = results.probes[results.probes["arm"] == "together"]
    assert (together["bytes_sent"] % (2 * 3 * 650 * 8) == 0).all()
    assert (together["messages_sent"] * 650 * 8 == together["bytes_sent"] * 4).all()


def test_same_seed_same_bytes(small: Scenario, run: tuple[Results, Path], tmp_path: Path) -> None:
    _, first = run
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 (the point is that it does not matter)
    with only("loss"):
        gossim.run(small, out=tmp_path / "again")
    for name in (*(f"{table}.parquet" for table in TABLES), "scenario.yaml", "figures/loss.svg"):
        assert (tmp_path / "again" / name).read_bytes() == (first / name).read_bytes(), name
    with no_figures():
        gossim.run(first / "scenario.yaml", out=tmp_path / "resolved")
    assert (tmp_path / "resolved" / "probes.parquet").read_bytes() == (first / "probes.parquet").read_bytes()


def test_another_seed_another_run_but_the_same_for_each_arm_alone(small: Scenario, run: tuple[Results, Path]) -> None:
    """Arms do not see each other, nor the seeds that ran before."""
    results, _ = run
    second = small.override({"seed": 1, "repeats": 1})
    data = second.to_data()
    data["arms"] = {"pull": data["arms"]["pull"]}
    probes = gossim.run(Scenario.parse(data)).probes
    expected = results.probes.query("arm == 'pull' and seed == 1").reset_index(drop=True)
    pd.testing.assert_frame_equal(probes, expected, check_exact=True)
    other = results.probes.query("arm == 'pull' and seed == 0").reset_index(drop=True)
    assert not np.allclose(probes["test_loss"][1:], other["test_loss"][1:])


def test_without_out_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = gossim.run(scenario())
    assert len(results.probes) > 2
    assert not list(tmp_path.iterdir())


def test_the_reference_executor_gives_the_same_tables(small: Scenario, run: tuple[Results, Path]) -> None:
    results, _ = run
    plain = gossim.run(small, executor="reference")
    pd.testing.assert_frame_equal(plain.probes, results.probes, rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(plain.workers, results.workers, rtol=1e-9, atol=1e-12)
    with pytest.raises(InputError, match="executor = 'fast': must be one of batched, reference"):
        gossim.run(small, executor="fast")


def test_a_run_directory_is_opened_again(run: tuple[Results, Path], small: Scenario) -> None:
    results, out = run
    again = Results.open(out)
    assert again.scenario == small
    pd.testing.assert_frame_equal(again.summary(), results.summary())
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["device"] == "cpu"
    assert manifest["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert manifest["started"] <= manifest["ended"]
    assert {path.name for path in (out / "figures").iterdir()} == {f"{n}.{s}" for n in USUAL for s in ("png", "svg")}
    assert not list(out.rglob(".*"))


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_what_is_no_run_directory_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match="is not a run directory"):
        Results.open(tmp_path)


def test_a_damaged_run_is_refused(run: tuple[Results, Path], tmp_path: Path) -> None:
    _, out = run
    for name in ("manifest.json", "scenario.yaml", "probes.parquet"):
        (tmp_path / name).write_bytes((out / name).read_bytes())
    with pytest.raises(InputError, match="the run's tables cannot be read"):
        Results.open(tmp_path)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    small = scenario()
    out = tmp_path / "out"
    gossim.run(small, out=out)
    before = (out / "probes.parquet").read_bytes()
    with pytest.raises(InputError, match="holds a complete run; replace it with --force.*differs: seed was 0 and is 5"):
        gossim.run(small.override({"seed": 5}), out=out)
    assert (out / "probes.parquet").read_bytes() == before
    gossim.run(small.override({"seed": 5}), out=out, force=True)
    assert Results.open(out).scenario.seed == 5
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds other files and no run"):
        gossim.run(small, out=other, force=True)
    with pytest.raises(InputError, match="is not a directory"):
        gossim.run(small, out=other / "thesis.tex", force=True)
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]


def test_nothing_is_written_for_what_cannot_be_run(tmp_path: Path) -> None:
    wrong = scenario(problem={"model": {"name": "gosgd_cnn"}, "data": DIGITS, "batch_size": 2})
    with pytest.raises(InputError, match="arm 'arm': problem.model = gosgd_cnn: needs images of 28"):
        gossim.run(wrong, out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), whole(path) as draft:
        draft.write_text("hal")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


DIVERGING = {
    **SMALL,
    "problem": BASE["problem"],
    "optimizer": {"learning_rate": 1e200},
    "repeats": 1,
    "target": None,
}


def test_divergence_is_told_and_what_came_before_is_kept(tmp_path: Path) -> None:
    data = {
        **DIVERGING,
        "arms": {**SMALL["arms"], "calm": {**SMALL["arms"]["push"], "optimizer": {"learning_rate": 0.01}}},
    }
    with pytest.raises(
        RunError, match=r"arm 'push', seed 0: diverged: no longer finite at 0.[0-9]+ s, after"
    ) as caught:
        gossim.run(Scenario.parse(data), out=tmp_path / "out")
    assert "'calm'" not in str(caught.value)
    kept = Results.open(tmp_path / "out")
    assert kept.manifest["status"] == "failed"
    status = {entry["arm"]: entry["status"] for entry in kept.manifest["runs"]}
    assert status == {**dict.fromkeys(SMALL["arms"], "diverged"), "calm": "complete"}
    assert np.isfinite(kept.probes["test_loss"]).all()
    lengths = kept.probes.groupby("arm").size()
    assert lengths["calm"] == 7
    assert (lengths.drop("calm") >= 1).all()
    assert (lengths.drop("calm") < 7).all()
    summary = kept.summary()
    assert summary.loc["calm", "diverged"] == 0
    assert summary["diverged"].sum() == 4
    assert math.isnan(summary.loc["push", "test_loss"])


def test_where_all_arms_diverge_there_is_nothing_to_draw_and_no_warning(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RunError):
        gossim.run(
            Scenario.parse({**DIVERGING, "arms": FEW, "target": {"test_loss": 0.1}, "until": {"time_s": 0.5}}), out=out
        )
    figures = Results.open(out).plot()
    assert not {"loss", "consensus_distance"} & set(figures)
    write_figures(figures, out / "figures", home=out / "figures")


def test_an_interrupted_run_is_readable(tmp_path: Path) -> None:
    class Impatient:
        def arm(self, name: str, *_: Any) -> None:
            self.name = name

        def resumed(self, *_: Any) -> None: ...

        def advance(self, time_s: float, gradient_steps: int) -> None:
            if self.name == "pull" and time_s > 0.7:
                raise KeyboardInterrupt

        def done(self, message: str | None) -> None: ...

        def kept(self, name: str, seed: int) -> None: ...

        def warn(self, message: str) -> None: ...

    small = Scenario.parse({**SMALL, "until": {"time_s": 10}, "repeats": 1})
    experiment = Experiment(small)
    store = RunDirectory(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        experiment.run(store, Impatient())
    kept = Results.open(store.path)
    assert kept.manifest["status"] == "interrupted"
    assert set(kept.probes["arm"]) == {"push", "pull"}
    assert kept.probes.groupby("arm")["time_s"].max()["push"] == 10
    summary = kept.summary()
    assert summary["finished"].to_dict() == {"push": 1, "pull": 0, "together": 0, "alone": 0}
    assert summary["test_loss"].notna().to_dict() == {"push": True, "pull": False, "together": False, "alone": False}
    kept.plot()
    store.refuse_unusable()
    assert earlier(store, small, experiment.identity) == "unfinished"  # it may simply be run again


def test_whenever_it_is_interrupted_a_probe_is_whole() -> None:
    """Ctrl-C at each line, in turn, of what records the third probe."""
    arms = {"push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}}}
    asked = scenario(arms=arms, until={"time_s": 1.0}, probe={"every_s": 0.25, "gradient_gap": True, "layers": True})
    for line in itertools.count():
        experiment = Experiment(asked)
        sys.settrace(interrupted_at(line))
        try:
            experiment.run()
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        results = experiment.results()
        assert len(results.probes) in (2, 3)
        assert len(results.workers) == len(results.gaps) == 4 * len(results.probes)
        assert len(results.layers) == len(results.probes)
    assert line > 50


def interrupted_at(line: int) -> Any:
    """For sys.settrace: KeyboardInterrupt at that line of all that run in recording the third probe, and none later."""
    calls, left = 0, line

    def at_line(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0 and calls == 3:
                raise KeyboardInterrupt
        return at_line

    def at_call(frame: Any, *_: Any) -> Any:
        nonlocal calls
        if not frame.f_code.co_filename.endswith(("gossim/tables/probe_rows.py", "gossim/execute/recorder.py")):
            return None
        calls += frame.f_code.co_name == "measure"
        return at_line if calls == 3 else None

    return at_call


def test_the_summary_is_mean_and_standard_error(run: tuple[Results, Path]) -> None:
    results, _ = run
    summary = results.summary()
    assert list(summary.index) == list(SMALL["arms"])
    for arm in SMALL["arms"]:
        runs = [results.probes[(results.probes["arm"] == arm) & (results.probes["seed"] == s)] for s in (0, 1)]
        final = [probes["test_loss"].iloc[-1] for probes in runs]
        assert summary.loc[arm, "test_loss"] == pytest.approx(sum(final) / 2)
        assert summary.loc[arm, "test_loss_se"] == pytest.approx(abs(final[0] - final[1]) / 2)
        first = [probes.loc[probes["test_loss"] <= 2.1, "time_s"].min() for probes in runs]
        if np.isnan(first).any():
            assert summary.loc[arm, "reached"] == 2 - np.isnan(first).sum()
            assert math.isnan(summary.loc[arm, "time_to_target_s"])
        else:
            assert summary.loc[arm, "time_to_target_s"] == pytest.approx(np.mean(first))
    assert summary["reached"].max() == 2


@pytest.mark.parametrize(
    ("until", "steps"), [({"gradient_steps": 37}, 37), ({"epochs": 0.25}, math.ceil(0.25 * 1437 / 8))]
)
def test_runs_end_where_they_are_told_to(until: dict[str, Any], steps: int) -> None:
    results = gossim.run(Scenario.parse({**SMALL, "until": until, "repeats": 1}))
    last = results.probes.groupby("arm").last()
    assert (last.loc[["push", "pull", "alone"], "gradient_steps"] == steps).all()
    assert last.loc["together", "gradient_steps"] == math.ceil(steps / 4) * 4
    first_to_come = gossim.run(Scenario.parse({**SMALL, "until": {**until, "time_s": 0.3}, "repeats": 1}))
    assert first_to_come.probes["time_s"].max() == 0.3


def test_figures_show_what_there_is(run: tuple[Results, Path]) -> None:
    results, _ = run
    figures = results.plot()
    assert set(figures) == USUAL
    loss = figures["loss"].axes[0]
    assert loss.get_xlabel().startswith("simulated time [s]")
    assert loss.get_title() == "A small run"
    assert [text.get_text() for text in present(loss.get_legend()).get_texts()] == [*SMALL["arms"], "target 2.1"]
    consensus = present(figures["consensus_distance"].axes[0].get_legend()).get_texts()
    assert [text.get_text() for text in consensus] == [
        "push", "pull", "together: exactly 0 throughout", "alone: exactly 0 throughout",
    ]  # fmt: skip
    assert [axes.get_title() for axes in figures["alpha"].axes] == ["push", "pull"]
    assert [axes.get_title() for axes in figures["timeline"].axes] == list(SMALL["arms"])
    shares = figures["time_shares"].axes
    assert [axes.get_title() for axes in shares] == list(SMALL["arms"])
    for axes, arm in zip(shares, results.scenario.arms.values(), strict=True):
        for place in range(arm.workers):
            bars: Any = axes.patches
            widths = [bar.get_width() for bar in bars if bar.get_y() == place - 0.375]
            assert sum(widths) == pytest.approx(1)


def test_figures_without_data_are_left_out() -> None:
    alone = scenario(algorithm={"name": "sgd"}, workers=1, problem={"model": {"name": "noise", "dim": 3}})
    assert set(gossim.run(alone).plot()) == {"timeline", "time_shares"}
    many = scenario(workers=40, until={"time_s": 1.0}, compute={"time_s": 0.1})
    assert set(gossim.run(many).plot()) == USUAL


def test_the_process_is_left_as_it_was(small: Scenario) -> None:
    before = torch.get_num_threads()
    plane = Gradients(small.arms, "batched").plane(small.arms["push"], 0, Observations("push", 0))
    with pytest.raises(KeyboardInterrupt), plane.tuned():
        assert torch.get_num_threads() == 1
        assert not gc.isenabled()
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before
    assert gc.isenabled()


def test_a_seed_that_diverges_at_once_is_counted(tmp_path: Path) -> None:
    problem = {"model": {"name": "quadratic", "dim": 3, "condition_number": 1e200}}
    data = {**DIVERGING, "problem": problem, "repeats": 2, "target": {"test_loss": 1e-3}, "dtype": "float32"}
    with pytest.raises(RunError, match="no longer finite at 0 s, after 0 gradient steps"):
        gossim.run(Scenario.parse(data), out=tmp_path / "out")
    kept = Results.open(tmp_path / "out")
    assert kept.probes.empty
    summary = kept.summary()
    assert (summary[["seeds", "finished", "diverged", "reached"]] == [2, 0, 2, 0]).all(axis=None)
    assert summary["test_loss"].isna().all()
    with only(*USUAL - {"timeline", "time_shares"}):
        assert kept.plot() == {}


def test_figures_of_runs_shorter_than_a_probe_interval() -> None:
    data = {
        **SMALL,
        "arms": FEW,
        "until": {"gradient_steps": 30},
        "probe": {"every_s": 100.0},
        "title": r"$\\frac{$ [/x] :smile:",
    }
    results = gossim.run(Scenario.parse(data))
    figures = results.plot()
    assert set(figures) == USUAL
    for figure in figures.values():
        figure.savefig(io.BytesIO())
    comparison(results)


def test_a_run_leaves_the_global_generators_alone(small: Scenario) -> None:
    before = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist(), torch.random.get_rng_state()  # noqa: NPY002
    gossim.run(small.override({"problem.model": {"name": "mlp", "hidden": [4], "dropout": 0.5}, "until.time_s": 0.5}))
    after = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist(), torch.random.get_rng_state()  # noqa: NPY002
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_workers_in_step_are_at_distance_zero_whatever_their_number() -> None:
    for workers in (3, 6, 7):
        probes = gossim.run(scenario(algorithm={"name": "allreduce"}, workers=workers)).probes
        assert (probes["consensus_distance"] == 0).all()
        assert (probes["consensus_max"] == 0).all()


def test_an_out_that_cannot_be_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "at" / "all")
    (tmp_path / "taken").mkdir()
    with only("loss"):
        gossim.run(scenario(), out=tmp_path / "taken" / "run")
    shutil.rmtree(tmp_path / "taken" / "run" / "figures")
    (tmp_path / "taken" / "run" / "figures").write_text("")
    for out in ("file/x", "link", "x" * 300, "taken/run"):
        with pytest.raises(InputError, match="cannot be|holds"):
            gossim.run(scenario(), out=tmp_path / out, force=True)
    assert Results.open(tmp_path / "taken" / "run").manifest["status"] == "complete"


def test_an_arm_that_cannot_begin_does_not_stop_the_others(tmp_path: Path) -> None:
    broken = {"distribution": "gamma", "a": 1e-9}
    arms = {"broken": {**SMALL["arms"]["push"], "compute": {"time_s": broken}}, "sound": SMALL["arms"]["pull"]}
    with pytest.raises(RunError, match="arm 'broken', seed 0: gamma drew 0.0, which is not a duration"):
        gossim.run(Scenario.parse({**SMALL, "arms": arms, "repeats": 1}), out=tmp_path / "out")
    kept = Results.open(tmp_path / "out")
    assert [entry["status"] for entry in kept.manifest["runs"]] == ["failed", "complete"]
    assert kept.probes.groupby("arm")["time_s"].max()["sound"] == 1.5


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"compute.time_s": 1e300}, "must be at most 1e100"),
        ({"network.latency_s": 1e300}, "must be at most 1e100"),
        ({"compute.time_s": 1e-13}, "must be >= 1e-12, a picosecond, by which the clock counts"),
        ({"until.time_s": 1e300}, "must be at most 1e100"),
    ],
)
def test_times_beyond_the_clock_are_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ScenarioError, match=rule):
        scenario(until={"time_s": 1.0}).override(changes)
