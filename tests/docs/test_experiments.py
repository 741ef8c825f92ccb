"""The page of experiments and the script that writes its numbers."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import gossim
import gossim.plots
from gossim.scenario.sweep import Sweep
from gossim.scenario.yaml_file import read
from support.commands import ROOT

PAGE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def experiments() -> Any:
    """analysis/experiments.py, which is a script and in no package."""
    sys.path.insert(0, str(ROOT / "analysis"))
    yield importlib.import_module("experiments")
    sys.path.remove(str(ROOT / "analysis"))


def test_every_experiment_has_its_place_with_numbers_and_figures(experiments: Any) -> None:
    blocks = re.findall(r"<!-- measured: (\w+) -->\n(.+?)\n\n<!-- end -->", PAGE, re.DOTALL)
    assert [name for name, _ in blocks] == [experiment.scenario for experiment in experiments.EXPERIMENTS]
    for (name, told), experiment in zip(blocks, experiments.EXPERIMENTS, strict=True):
        data = read(ROOT / "scenarios" / f"{name}.yaml")
        described = Sweep.parse(data).scenario if "sweep" in data else gossim.Scenario.parse(data)
        assert all(arm in told for arm in described.arms)
        assert f"scenarios/{name}.yaml" in PAGE
        for figure in experiment.figures:
            assert f"(figures/{name}_{figure}.png)" in PAGE
            assert (ROOT / "docs" / "figures" / f"{name}_{figure}.png").is_file()
    for what in ("Question", "Command", "Found", "The source"):
        assert PAGE.count(f"**{what}.**") == len(blocks)


def test_what_is_written_is_what_the_run_says(experiments: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """A small run of one scenario, in a folder of its own; a second time what is complete is kept."""
    (tmp_path / "scenarios").mkdir()
    small = gossim.load(ROOT / "scenarios" / "gradient_gap.yaml").override(
        {"until.time_s": 1.0, "repeats": 2, "workers": 4}
    )
    (tmp_path / "scenarios" / "gradient_gap.yaml").write_text(small.to_yaml(), encoding="utf-8")
    (tmp_path / "page.md").write_text("# A\n<!-- measured: gradient_gap -->\nold\n<!-- end -->\nprose\n")
    monkeypatch.setattr("gossim.runner.run.draw", lambda *_: [])
    for name, path in {"ROOT": ".", "PAGE": "page.md", "FIGURES": "", "RUNS": "runs"}.items():
        monkeypatch.setattr(experiments, name, tmp_path / path)
    (experiment,) = [each for each in experiments.EXPERIMENTS if each.scenario == "gradient_gap"]
    monkeypatch.setattr(gossim.plots, "FIGURES", {name: gossim.plots.FIGURES[name] for name in experiment.figures})
    experiment.run(keep=False)
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    results = gossim.Results.open(tmp_path / "runs" / "gradient_gap")
    assert "old" not in page
    assert page.endswith("prose\n")
    for sentence in results.sentences():
        assert sentence in page
    early = results.gaps[results.gaps["arm"] == "p_1"].groupby(["seed", "time_s"])["gradient_gap"].mean()
    assert f"{early.mean():.3f}" in page
    started = results.manifest["started"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {f"gradient_gap_{name}" for name in experiment.figures}
    monkeypatch.setattr(experiments, "save", lambda *_: None)
    experiment.run(keep=True)
    assert gossim.Results.open(tmp_path / "runs" / "gradient_gap").manifest["started"] == started
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page
    (tmp_path / "page.md").write_text("no place\n")
    with pytest.raises(SystemExit, match="has 0 places"):
        experiment.run(keep=True)
