"""Two runs side by side: `results.beside(...)`, and `gossim plot RUN --compare RUN`."""

from __future__ import annotations

import copy
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gossim
from gossim.analysis.side_by_side import told_apart
from gossim.errors import InputError
from gossim.plots.comparable import COMPARED, left_out
from gossim.plots.style import arm_colours, arm_dashes
from gossim.results import Results
from gossim.scenario.scenario import Scenario
from gossim.tables.columns import TABLES
from gossim.tables.run_directory import RunDirectory
from support.commands import gossim_command
from support.drawing import figure_of, no_figures, only
from support.learning import LEARNING, line
from support.present import present
from support.scenarios import BASE, DIGITS

PUSH, TOGETHER = LEARNING["arms"]["push"], LEARNING["arms"]["together"]
FIRST = {**LEARNING, "repeats": 2, "arms": {"push": PUSH, "together": TOGETHER}}
SECOND = {
    **FIRST,
    "title": "Slower",
    "until": {"time_s": 1.0},
    "repeats": 3,
    "compute": {"time_s": 0.2},
    "arms": {"pull": {"algorithm": {"name": "gosgd_pull", "pull_probability": 0.5}}, "push": PUSH},
}
NOISE = {**BASE, "problem": {"model": {"name": "noise", "dim": 3}}, "until": {"time_s": 1.0}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with runs, among them `fast` and `slow`."""
    folder = tmp_path_factory.mktemp("runs")
    noise, gap = {**NOISE, "repeats": 2}, {**FIRST, "probe": {"every_s": 0.25, "gradient_gap": True}, "repeats": 1}
    for name, data in {"fast": FIRST, "slow": SECOND, "noise": noise, "gap": gap}.items():
        with no_figures():
            gossim.run(Scenario.parse(data), out=folder / name)
    return folder


@pytest.fixture(scope="module")
def pair(runs: Path) -> Any:
    return Results.open(runs / "fast").beside(Results.open(runs / "slow"), ("fast", "slow"))


@pytest.fixture(scope="module")
def figures(pair: Any) -> dict[str, Any]:
    return pair.plot()


ARMS = ["push (fast)", "push (slow)", "together (fast)", "pull (slow)"]


@pytest.fixture(scope="module")
def figures_of_each(pair: Any) -> list[dict[str, Any]]:
    with only("loss", "loss_by_steps"):
        return [run.plot() for run in pair.runs]


def test_arms_of_one_name_stand_together_and_share_a_hue(pair: Any) -> None:
    assert list(pair.scenario.arms) == ARMS
    colours, dashes = arm_colours(pair), arm_dashes(pair)
    assert colours["push (slow)"] == pytest.approx([0.6 * part for part in colours["push (fast)"]])
    assert colours["push (fast)"] == arm_colours(pair.runs[0])["push"]
    assert len({dashes[arm] for arm in ARMS if "fast" in arm} | {""}) == 1
    assert len({dashes[arm] for arm in ARMS if "slow" in arm}) == 1
    assert dashes["push (fast)"] != dashes["push (slow)"]


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize(("figure", "x"), [("loss", "time_s"), ("loss_by_steps", "gradient_steps")])
def test_lines_of_two_runs_are_those_of_each_run(
    pair: Any, figures: dict[str, Any], figures_of_each: list[dict[str, Any]], arm: str, figure: str, x: str
) -> None:
    place, name = pair.origins[arm]
    own = figures_of_each[place][figure].axes[0]
    together = line(pair, figures[figure].axes[0], arm)
    np.testing.assert_allclose(together, line(pair.runs[place], own, name))
    probes = pair.runs[place].probes
    first = probes[(probes["arm"] == name) & (probes[x] == 0)].groupby("seed")["test_loss"].last().mean()
    assert together[0] == pytest.approx([0, first])


def test_the_axes_say_what_they_show(figures: dict[str, Any]) -> None:
    assert set(figures) == set(COMPARED) - {"gradient_gap", "metrics"}
    loss = figures["loss"].axes[0]
    assert loss.get_xlabel() == "simulated time [s]; band: lowest to highest of 2 to 3 seeds"
    assert loss.get_title() == "fast: no title\nslow: Slower"
    assert loss.get_xlim() == (0, 2)
    assert [text.get_text() for text in present(loss.get_legend()).get_texts()] == [*ARMS, "target 1.5"]
    # All arms have four workers: steps per worker below, of all above.
    assert len(figures["loss_by_steps"].axes) == 1
    apart = [text.get_text() for text in present(figures["consensus_distance"].axes[0].get_legend()).get_texts()]
    assert apart == ["push (fast)", "push (slow)", "pull (slow)", "together (fast): exactly 0 throughout"]
    assert [axes.get_title() for axes in figures["time_shares"].axes] == ARMS


def test_the_consensus_distance_is_each_runs(pair: Any, figures: dict[str, Any]) -> None:
    for arm in ("push (fast)", "push (slow)"):
        place, name = pair.origins[arm]
        probes = pair.runs[place].probes
        own = probes[(probes["arm"] == name) & (probes["consensus_distance"] > 0)]
        means = own.groupby("time_s")["consensus_distance"].mean().reset_index().to_numpy()
        np.testing.assert_allclose(line(pair, figures["consensus_distance"].axes[0], arm), means)


def test_the_table_is_that_of_each_run(pair: Any) -> None:
    summary = pair.summary()
    assert list(summary.index) == ARMS
    for arm, (place, name) in pair.origins.items():
        own = pair.runs[place].summary().loc[name]
        pd.testing.assert_series_equal(summary.loc[arm], own, check_names=False)
    other = pair.runs[1].scenario.override({"target": {"test_loss": 1.0}})
    unlike = Results(**{**vars(pair.runs[1]), "scenario": other})
    assert "time_to_target_s" not in pair.runs[0].beside(unlike, ("a", "b")).summary()


def test_the_second_run_has_its_own_directory(runs: Path) -> None:
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    done = gossim_command("plot", runs / "fast", "--compare", runs / "slow")
    assert done.returncode == 0, done.stderr
    folder = runs / "fast" / "figures" / "compared_with_slow"
    names = {f"{name}.{suffix}" for name in set(COMPARED) - {"gradient_gap", "metrics"} for suffix in ("png", "svg")}
    assert {path.name for path in folder.iterdir()} == names
    assert all(path.read_bytes() == kept for path, kept in before.items())
    for arm in ARMS:
        assert f" {arm} " in done.stdout
    assert "of 2 to 3" in done.stdout
    assert done.stderr == (
        "no figure gradient_gap: fast was run without probe.gradient_gap, slow was run without probe.gradient_gap\n"
    )
    shutil.copytree(runs / "fast", runs / "again")
    RunDirectory(runs / "again").begin(*_begun(runs / "again"))
    assert not list((runs / "again" / "figures").rglob("*.png"))


def _begun(path: Path) -> tuple[Any, ...]:
    results = Results.open(path)
    return results.scenario, results.manifest, {name: results.pieces(name) for name in TABLES}


def test_figures_of_two_runs_go_to_out(runs: Path, tmp_path: Path) -> None:
    with only("loss"):
        done = gossim_command("plot", runs / "fast", "--compare", runs / "slow", "--out", tmp_path / "a" / "b")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "b" / "loss.png").stat().st_size > 5000
    with only("timeline"):
        alone = gossim_command("plot", runs / "fast", "--out", tmp_path / "c")
    assert alone.returncode == 0, alone.stderr
    assert (tmp_path / "c" / "timeline.svg").exists()
    for taken in (runs / "slow" / "figures", runs / "fast" / "figures", runs / "noise"):
        refused = gossim_command("plot", runs / "fast", "--compare", runs / "slow", "--out", taken)
        assert refused.returncode == 2
        assert f"--out {taken}: is where a run keeps its own files" in refused.stderr


def test_runs_that_cannot_be_compared_are_refused(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for second, message in (
        (runs / "fast", "fast: is the run that it is to be compared with"),
        (tmp_path / "other", "other: is not a run directory"),
        (tmp_path / "absent", "absent: is not a run directory"),
    ):
        done = gossim_command("plot", runs / "fast", "--compare", second)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert message in done.stderr
    done = gossim_command("plot", runs / "fast", "--compare", runs / "slow", "--theory")
    assert done.returncode == 2
    assert "--theory and --compare: draw the theory of one run at a time" in done.stderr
    assert not (runs / "fast" / "figures" / "compared_with_other").exists()


def test_different_problems_have_no_figure_in_common_but_time(runs: Path) -> None:
    pair = Results.open(runs / "fast").beside(Results.open(runs / "noise"), ("fast", "noise"))
    reasons = left_out(pair)
    assert reasons["loss"] == "the runs do not both have a test loss, nor both a train loss"
    assert reasons["consensus_distance"].startswith("distances between parameters of different models ({name: log")
    assert set(COMPARED) - {"metrics"} - set(reasons) == {"time_shares"}
    quadratic = {**NOISE, "problem": BASE["problem"]}
    curved = gossim.run(Scenario.parse(quadratic))
    other = {**quadratic, "problem": {"model": {"name": "quadratic", "dim": 6}}}
    reasons = left_out(curved.beside(gossim.run(Scenario.parse(other)), ("a", "b")))
    assert reasons["loss"].startswith("losses of different problems ({name: quadratic, dim: 5")
    larger = {**FIRST, "problem": {**FIRST["problem"], "model": {"name": "mlp", "hidden": [5]}}, "repeats": 1}
    pair = Results.open(runs / "fast").beside(gossim.run(Scenario.parse(larger)), ("small", "large"))
    shown = set(COMPARED) - {"metrics"} - set(left_out(pair))
    assert shown == {"loss", "loss_by_steps", "time_shares"}  # one test set, two models


def test_without_a_test_loss_in_one_run_the_train_loss_is_shown(runs: Path) -> None:
    fast = Results.open(runs / "fast")
    without = Results(**{**vars(fast), "probes": fast.probes.assign(test_loss=math.nan)})
    axes = figure_of(fast.beside(without, ("a", "b")), "loss").axes[0]
    assert axes.get_ylabel() == "train loss of the mean model [nats]"
    neither = Results(**{**vars(fast), "probes": without.probes.assign(train_loss=math.nan)})
    with only("loss"):
        assert fast.beside(neither, ("a", "b")).plot() == {}


def test_the_gradient_gap_of_both(runs: Path) -> None:
    gap = Results.open(runs / "gap")
    pair = gap.beside(gossim.run(gap.scenario.override({"seed": 7})), ("0", "7"))
    means = gap.gaps[gap.gaps["arm"] == "push"].groupby("time_s")["gradient_gap"].mean()
    shown = line(pair, figure_of(pair, "gradient_gap").axes[0], "push (0)")
    np.testing.assert_allclose(shown, means[means > 0].reset_index().to_numpy())


def test_interrupted_diverged_and_older_runs(runs: Path, tmp_path: Path) -> None:
    """The first seed of `push` diverged, the second arm was never begun, and newer tables are not there."""
    shutil.copytree(runs / "fast", tmp_path / "fast")
    store = RunDirectory(tmp_path / "fast")
    manifest = json.loads((store.path / "manifest.json").read_text())
    manifest["status"] = "interrupted"
    manifest["runs"] = [copy.copy(entry) for entry in manifest["runs"] if entry["arm"] == "push"]
    manifest["runs"][0]["status"] = "diverged"
    store.write_manifest(manifest)
    for name in ("probes", "workers"):
        table = pd.read_parquet(store.path / f"{name}.parquet")
        table[table["arm"] == "push"].to_parquet(store.path / f"{name}.parquet", index=False)
    for name in ("activities", "exchanges", "gaps", "layers"):
        (store.path / f"{name}.parquet").unlink()
    with only("loss", "time_shares"):
        done = gossim_command("plot", runs / "slow", "--compare", store.path)
    assert done.returncode == 0, done.stderr
    assert "fast: status 'interrupted'; what was recorded until then is shown" in done.stderr
    assert "no figure time_shares: fast did not record it" in done.stderr
    assert "1 diverged" in done.stdout
    pair = Results.open(runs / "slow").beside(store.read(), ("slow", "fast"))
    axes = figure_of(pair, "loss").axes[0]
    probes = pd.read_parquet(store.path / "probes.parquet")
    own = probes[probes["seed"] == 1]
    np.testing.assert_allclose(line(pair, axes, "push (fast)"), own[["time_s", "test_loss"]].to_numpy())
    shown = [text.get_text() for text in present(axes.get_legend()).get_texts()]
    assert shown == ["pull (slow)", "push (slow)", "push (fast)", "target 1.5"]
    for name in ("probes", "workers"):
        pd.read_parquet(store.path / f"{name}.parquet").iloc[:0].to_parquet(store.path / f"{name}.parquet", index=False)
    done = gossim_command("plot", runs / "slow", "--compare", store.path)
    assert done.returncode == 2
    assert "the run was stopped before it recorded anything" in done.stderr


def test_two_runs_are_named_by_as_much_of_their_paths_as_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("a/x", "b/x", "b/y$[z]"):
        (tmp_path / path).mkdir(parents=True)
    assert told_apart(tmp_path / "a/x", tmp_path / "b/x") == ("a/x", "b/x")
    assert told_apart(tmp_path / "a/x", tmp_path / "b/y$[z]") == ("x", "y__z_")
    assert RunDirectory(tmp_path).compared_with("b/x").name == "compared_with_b_x"
    monkeypatch.chdir(tmp_path / "a" / "x")
    assert told_apart(Path("."), Path("../../b/y$[z]")) == ("x", "y__z_")
    with pytest.raises(InputError, match="x: is the run that it is to be compared with"):
        told_apart(Path("."), Path("../x"))


def test_runs_of_one_name_cannot_be_told_apart(runs: Path) -> None:
    fast = Results.open(runs / "fast")
    with pytest.raises(InputError, match="names = a, a: must differ"):
        fast.beside(fast, ("a", "a"))


def test_the_reason_names_the_data(runs: Path) -> None:
    assert (
        DIGITS["name"]
        in left_out(
            Results.open(runs / "fast").beside(
                gossim.run(Scenario.parse({**FIRST, "problem": BASE["problem"], "repeats": 1})), ("a", "b")
            )
        )["loss"]
    )
