"""Figures for papers: formats, widths, bands, chosen arms, the points of a sweep, and the table in LaTeX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import yaml

import gossim
from gossim.analysis.some_arms import SomeArms, chosen_arms
from gossim.errors import InputError
from gossim.plots import draw
from gossim.plots.bands import BANDS
from gossim.plots.figure_files import write_figures
from gossim.plots.style import Look, arm_colours, style
from gossim.results import Results, SweepResults
from gossim.runner.sweep_directory import SweepDirectory, points_together
from support.commands import gossim_command
from support.drawing import only
from support.scenarios import BASE


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three seeds."""
    arms = {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        "in step, all": {"algorithm": {"name": "allreduce"}},
        "alone": {"algorithm": {"name": "sgd"}, "workers": 1},
    }
    out = tmp_path_factory.mktemp("runs") / "three"
    data = {**BASE, "title": "A title", "until": {"time_s": 1.0}, "repeats": 3, "arms": arms}
    gossim.run(gossim.Scenario.parse(data), out=out)
    return out


@pytest.fixture(scope="module")
def results(run_dir: Path) -> Results:
    return Results.open(run_dir)


def test_bands_are_what_they_are_called() -> None:
    values = pd.Series([1.0, 2.0, 4.5])
    assert BANDS["range"][0](values) == (1.0, 4.5)
    error = scipy.stats.sem(values)
    assert BANDS["sem"][0](values) == pytest.approx((2.5 - error, 2.5 + error))
    interval = scipy.stats.t.interval(0.95, 2, loc=2.5, scale=error)
    assert BANDS["ci95"][0](values) == pytest.approx(interval)
    for ends, _ in BANDS.values():
        assert ends(pd.Series([3.0])) == (3.0, 3.0)


@pytest.mark.parametrize("band", BANDS)
def test_the_band_is_drawn_and_named(band: str, results: Results) -> None:
    axes = draw(results, look=Look(band=band), names=["loss"])["loss"].axes[0]
    assert f"{BANDS[band][1]} 3 seeds" in axes.get_xlabel()
    own = results.probes[results.probes["arm"] == "push"].pivot(index="time_s", columns="seed", values="test_loss")
    ends = np.array([BANDS[band][0](row) for _, row in own.iterrows()])
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)
    for time_s, (low, high) in zip(own.index, ends, strict=True):
        at = corners[np.isclose(corners[:, 0], time_s), 1]
        assert min(at) == pytest.approx(low)
        assert max(at) == pytest.approx(high)


def test_a_paper_has_no_title_and_the_width_that_is_asked_for(results: Results) -> None:
    for name, figure in draw(results, width_inches=3.3, look=Look(titled=False)).items():
        assert figure.get_size_inches()[0] == pytest.approx(3.3), name
        texts = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        assert "A title" not in texts, name


def test_arms_keep_their_colours_when_some_are_left_out(results: Results) -> None:
    some = SomeArms.of(results, ["alone", "push"])
    assert list(some.scenario.arms) == ["push", "alone"]
    assert set(some.probes["arm"]) == {"push", "alone"}
    assert {arm: arm_colours(some)[arm] for arm in ("push", "alone")} == {
        arm: arm_colours(results)[arm] for arm in ("push", "alone")
    }


def test_arms_are_named_with_their_commas() -> None:
    arms = ["a", "b (x=1, y=2)", "b (x=1", "in step, all"]
    assert chosen_arms(["a,b (x=1, y=2)"], arms) == ["a", "b (x=1, y=2)"]
    assert chosen_arms(["in step, all", "a"], arms) == ["in step, all", "a"]
    with pytest.raises(InputError, match="there is no arm 'c'; valid: a, b"):
        chosen_arms(["a,c"], arms)


def test_the_command_writes_what_is_asked_for(run_dir: Path, tmp_path: Path) -> None:
    options = ["--format", "pdf,svg", "--style", "paper", "--band", "sem", "--arms", "push,in step, all"]
    with only("loss", "consensus_distance"):
        done = gossim_command("plot", run_dir, *options, "--out", tmp_path / "figures")
        again = gossim_command("plot", run_dir, *options, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".pdf", ".svg"}
    assert (tmp_path / "figures" / "loss.pdf").read_bytes().startswith(b"%PDF")
    svg = (tmp_path / "figures" / "loss.svg").read_text()
    assert re.search(r'width="237\.6pt"', svg)  # 3.3 inches of 72 points
    assert "<rdf:li>push</rdf:li>" in svg
    assert "<rdf:li>alone</rdf:li>" not in svg
    assert again.returncode == 0
    assert b"CreationDate" not in (tmp_path / "figures" / "loss.pdf").read_bytes()
    for path in (tmp_path / "figures").glob("*.svg"):  # in which lengths are rounded, but not those that names hash
        assert unnamed(path) == unnamed(tmp_path / "again" / path.name)


def unnamed(svg: Path) -> str:
    """The text of an SVG without the names that matplotlib makes for shapes by a hash."""
    return re.sub(r"\b[a-zA-Z]?[0-9a-f]{10}\b", "name", svg.read_text())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "png,pfd"], "--format png,pfd: unknown format 'pfd'; did you mean 'pdf'?"),
        (["--width", "1"], "--width 1: must be a number of inches from 3 to 40"),
        (["--width", "nan"], "--width nan: must be a number of inches"),
        (["--band", "ci"], "ci"),
        (["--style", "poster"], "poster"),
        (["--arms", "pusch"], "--arms pusch: there is no arm 'pusch'; did you mean 'push'?"),
        (["--arms", "push", "--compare", "."], "--arms and --compare"),
    ],
)
def test_wrong_options_of_figures_are_refused_and_nothing_written(
    options: list[str], message: str, run_dir: Path, tmp_path: Path
) -> None:
    done = gossim_command("plot", run_dir, *options, "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_letters_of_latex_only_where_asked_for(results: Results, tmp_path: Path) -> None:
    figures = {}
    for latex in (False, True):
        look = Look(latex=latex)
        drawn = draw(results, look=look, names=["loss"])
        figures[latex] = write_figures(drawn, tmp_path / str(latex), tmp_path, ["pdf"], look)[0].read_bytes()
    fonts = [font.encode() for font in ("LatinModern", "LMRoman", "CMU", "STIXGeneral")]
    assert any(font in figures[True] for font in fonts)
    assert not any(font in figures[False] for font in fonts)
    with style():
        assert mpl.rcParams["mathtext.fontset"] == "dejavusans"


def test_the_points_of_a_sweep_in_one_figure(swept: tuple[SweepResults, Path], tmp_path: Path) -> None:
    _, folder = swept
    options = ["--arms", "push (workers=2, push_probability=0.1),push (workers=4, push_probability=1.0)"]
    with only("loss", "consensus_distance"):
        done = gossim_command("plot", folder, *options, "--format", "svg", "--out", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "all").iterdir()} >= {"loss.svg", "consensus_distance.svg"}
    keywords = (tmp_path / "all" / "loss.svg").read_text()
    assert "push (workers=2, push_probability=0.1)" in keywords
    assert "together" not in keywords
    wrong = gossim_command("plot", folder, "--arms", "push", "--out", tmp_path / "none")
    assert wrong.returncode == 2
    assert gossim_command("plot", folder, "--theory").returncode == 2


def test_curves_of_points_are_those_of_their_runs(swept: tuple[SweepResults, Path]) -> None:
    results, folder = swept
    whole = points_together(folder)
    assert len(whole.scenario.arms) == 8
    point = results.sweep.points[1]
    own = Results.open(SweepDirectory(folder).run_directory(point).path)
    label = f"push (workers={point.values['workers']}, push_probability=1.0)"
    for column in ("time_s", "test_loss", "consensus_distance"):
        mine = whole.probes.loc[whole.probes["arm"] == label, column]
        assert np.array_equal(mine, own.probes.loc[own.probes["arm"] == "push", column])


def test_the_table_in_latex(results: Results) -> None:
    table = results.to_latex()
    assert table.startswith(r"\begin{tabular}{lrrrr")
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert table.count(rule) == 1
    rows = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    loss, error = results.summary().loc["push", ["test_loss", "test_loss_se"]]
    assert f"${loss:.3f} \\pm {error:.3f}$" in rows[1]
    assert rows[2].startswith("in step, all & ")
    assert "%" not in re.sub(r"\\%", "", table)


def test_names_in_latex_are_texts() -> None:
    evil = "a_b & 50% #1 {x} ~ ^2 <script>"
    data = {**BASE, "until": {"time_s": 0.3}, "arms": {evil: BASE["arms"]["arm"]}}
    table = gossim.run(gossim.Scenario.parse(data)).to_latex()
    assert r"a\_b \& 50\% \#1 \{x\} \textasciitilde{} " in table


def test_scenarios_stay_as_they_are(results: Results) -> None:
    before: Any = yaml.safe_load(results.scenario.to_yaml())
    SomeArms.of(results, ["push"])
    assert yaml.safe_load(results.scenario.to_yaml()) == before
