"""Figures drawn by other processes: the same pixels, and how it ends."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import gossim
from gossim.errors import FiguresFailed
from gossim.results import Results
from gossim.runner.drawing import draw
from gossim.runner.experiment import Experiment
from gossim.runner.figure_process import FigureProcess
from gossim.tables.run_directory import RunDirectory
from support.drawing import no_figures
from support.processes import ran
from support.scenarios import scenario

ARMS = {name: {"algorithm": {"name": name}} for name in ("allreduce", "dpsgd")}


def pixels(store: RunDirectory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.figures.glob("*.png")}


@pytest.fixture
def undrawn_run(tmp_path: Path) -> RunDirectory:
    with no_figures():
        gossim.run(scenario(arms=ARMS), out=tmp_path / "run")
    return RunDirectory(tmp_path / "run")


@pytest.mark.slow
def test_the_same_pixels_as_in_this_process(undrawn_run: RunDirectory, tmp_path: Path) -> None:
    other = RunDirectory(shutil.copytree(undrawn_run.path, tmp_path / "other"))
    results = Results.open(other.path)
    written = draw(results, other)
    with FigureProcess(2) as process:
        process.begin(undrawn_run)  # which nobody waits for
        assert len(process.draw(Results.open(undrawn_run.path), undrawn_run)) == len(written)
    assert pixels(undrawn_run) == pixels(other)
    assert len(list(undrawn_run.figures.iterdir())) == len(written)
    assert undrawn_run.manifest()["figures_drawn"]


@pytest.mark.slow
def test_where_they_cannot_be_written_the_manifest_says_so(undrawn_run: RunDirectory) -> None:
    shutil.rmtree(undrawn_run.figures)
    undrawn_run.figures.write_text("in the way")
    results = Results.open(undrawn_run.path)
    with FigureProcess(2) as process, pytest.raises(FiguresFailed, match="the figures cannot be written"):
        process.draw(results, undrawn_run)
    assert undrawn_run.manifest()["failed_in"] == "figures"
    undrawn_run.figures.unlink()
    undrawn_run.figures.mkdir()
    draw(results, undrawn_run)
    assert undrawn_run.manifest()["status"] == "complete"
    assert undrawn_run.manifest()["error"] is None


@pytest.mark.slow
@pytest.mark.draws
def test_if_the_process_dies_this_one_draws(undrawn_run: RunDirectory) -> None:
    with FigureProcess(1) as process:
        process._process.kill()
        assert process.draw(Results.open(undrawn_run.path), undrawn_run)
    assert undrawn_run.manifest()["figures_drawn"]


@pytest.mark.parametrize(("near_s", "told"), [(0.0, True), (1e9, False)])
def test_the_first_seed_of_all_arms_is_told_of_unless_the_end_is_near(
    near_s: float, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gossim.runner.run_files.NEAR_S", near_s)
    store, seen = RunDirectory(tmp_path / "run"), []

    def look() -> None:
        seen.append(Results.open(store.path))

    Experiment(scenario(arms=ARMS, repeats=3)).run(store, first_seed_ended=look)
    assert len(seen) == told
    for results in seen:
        ended: list[Any] = [(entry["arm"], entry["seed"]) for entry in results.manifest["runs"]]
        assert ended == [(arm, 0) for arm in ARMS]
        assert set(results.probes["arm"]) == set(ARMS)
        assert not results.manifest["figures_drawn"]


def test_what_drawing_needs_is_loaded_without_scipy() -> None:
    code = (
        "import sys; from gossim.runner.figure_process import load; load(); "
        "print('seaborn' in sys.modules, 'scipy' in sys.modules); from scipy import stats; print(stats.norm.cdf(0.0))"
    )
    done = ran([sys.executable, "-c", code])
    assert done.stdout.split() == ["True", "False", "0.5"], done.stderr
