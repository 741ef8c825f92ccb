"""Where things stand on figures: whole legends, nothing covered, no two texts on one place, at any width."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

import gossim
from gossim.plots import FIGURES, draw, draw_pair, draw_weights
from gossim.plots.figure_files import save
from gossim.plots.style import arm_colours, arm_dashes, arm_markers, style
from gossim.results import Results
from support.layout import COLUMN, check, labels
from support.scenarios import scenario

SVG = "{http://www.w3.org/2000/svg}"
TABLES = ("probes", "workers", "timeline", "activities", "gaps")

ODD = [
    "_hidden",
    "<script>alert(1)</script>",
    "a & b",
    "\"two\" 'one' -- &amp;",
    "😀 smile",
    "同期と非同期",
    "שלום עולם",
    "_child3",
    "a_b^c {d} %s",
    "two  spaces",
    "w" * 200,
    "many words " * 18 + "end",
]


@pytest.fixture(scope="module")
def recorded() -> Results:
    """Forty arms, of all of which every figure has something."""
    arms = {
        f"arm {n}": {"algorithm": {"name": "gosgd_push", "push_probability": (n + 1) / 41}, "workers": 2 + n % 2}
        for n in range(40)
    }
    probe = {"every_s": 0.1, "gradient_gap": True}
    target = {"target": {"test_loss": 2.5}}
    return gossim.run(scenario(arms=arms, repeats=2, until={"time_s": 0.5}, probe=probe, **target))


def renamed(results: Results, names: list[str], **changes: Any) -> Results:
    """The first of the arms, with these names."""
    arms = dict(zip(results.scenario.arms, names, strict=False))
    update = {"arms": {arms[arm]: settings for arm, settings in results.scenario.arms.items() if arm in arms}}
    tables = {}
    for name in TABLES:
        own = getattr(results, name)
        own = own[own["arm"].isin(arms)]
        tables[name] = own.assign(arm=own["arm"].map(arms).astype(own["arm"].dtype))
    runs = [entry | {"arm": arms[entry["arm"]]} for entry in results.manifest["runs"] if entry["arm"] in arms]
    changed = results.scenario.model_copy(
        update=update | {"title": "Gossip under a straggler, eight workers"} | changes
    )
    return dataclasses.replace(results, scenario=changed, manifest=results.manifest | {"runs": runs}, **tables)


def drawn(results: Results, names: list[str], width: float | None = None) -> dict[str, Figure]:
    with style(width):
        made = {name: FIGURES[name](results) for name in names}
    return {name: figure for name, figure in made.items() if figure is not None}


WIDTHS = [pytest.param(None, marks=pytest.mark.slow), COLUMN]
"""The narrow one, in which there is least room; the others are left to the slow tests."""
CURVES = ["loss", "loss_by_steps", "consensus_distance", "gradient_gap"]
PANELS = ["alpha", "timeline", "time_shares"]
CASES = [
    (1, CURVES + PANELS, COLUMN),
    (8, CURVES[:2], None),
    pytest.param(8, CURVES[2:], None, marks=pytest.mark.slow),
    pytest.param(3, PANELS, None, marks=pytest.mark.slow),
    pytest.param(12, PANELS[:1], 7.0, marks=pytest.mark.slow),
    pytest.param(1, CURVES + PANELS, None, marks=pytest.mark.slow),
    pytest.param(3, PANELS, COLUMN, marks=pytest.mark.slow),
    pytest.param(8, CURVES[1:3], COLUMN, marks=pytest.mark.slow),
    pytest.param(40, CURVES[:2], None, marks=pytest.mark.slow),
    pytest.param(40, CURVES[1:3], COLUMN, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("count", "figures", "width"), CASES)
def test_nothing_is_covered_or_cut(recorded: Results, count: int, figures: list[str], width: float | None) -> None:
    names = [f"gosgd_push (factor={n})" for n in range(count)]
    for name, figure in drawn(renamed(recorded, names), figures, width).items():
        check(figure)
        if width:
            assert figure.get_figwidth() == pytest.approx(width)
        if name in CURVES:
            assert [label for label in labels(figure) if not label.startswith("target")] == names


@pytest.mark.parametrize("width", WIDTHS)
def test_names_are_text_whatever_is_in_them(recorded: Results, width: float | None, tmp_path: Path) -> None:
    odd = {"title": "$x$ costs $5 & <more> than $y$, " + "a long title " * 12, "target": None}
    figures = drawn(renamed(recorded, ODD, **odd), ["loss", "time_shares"], width)
    for name, figure in figures.items():
        check(figure)
        save(figure, tmp_path / f"{name}.svg")
        root = ET.parse(tmp_path / f"{name}.svg").getroot()
        said = [element.text for element in root.iter() if element.text]
        assert set(ODD) <= set(said), name
        assert f"{SVG}script" not in {element.tag for element in root.iter()}
    shown = [label.replace("\n", " ") for label in labels(figures["loss"])]
    assert [label.replace(" ", "") for label in shown] == [name.replace(" ", "") for name in ODD]


def test_control_characters_are_no_part_of_a_file(recorded: Results, tmp_path: Path) -> None:
    names = ["nul\x00 and \x1b[31m", "\ufffe", "plain"]
    for name, figure in drawn(renamed(recorded, names, title="\x00 a \x07"), ["loss", "timeline"]).items():
        save(figure, tmp_path / f"{name}.svg")
        save(figure, tmp_path / f"{name}.png")
        said = {element.text for element in ET.parse(tmp_path / f"{name}.svg").getroot().iter()}
        assert {"nul\ufffd and \ufffd[31m", "\ufffd", "plain"} <= said


def test_forty_arms_look_different_and_the_first_eight_as_ever(recorded: Results) -> None:
    looks = [
        (arm_colours(recorded)[arm], arm_dashes(recorded)[arm], arm_markers(recorded)[arm])
        for arm in recorded.scenario.arms
    ]
    assert len(set(looks)) == 40
    assert len({look[0] for look in looks}) == 8
    assert all(look[1:] == ("", "") for look in looks[:8])
    (axes,) = drawn(recorded, ["loss"])["loss"].axes
    curves = [line for line in axes.get_lines() if np.size(line.get_xdata()) > 2]
    assert [(line.get_color(), line.get_marker()) for line in curves] == [(look[0], look[2]) for look in looks]


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_legend_of_two_runs_covers_no_curve(recorded: Results, width: float | None) -> None:
    """Curves in every corner: there is no place for it in the panel."""
    first, second = renamed(recorded, ["one", "two"]), renamed(recorded, ["one", "two", "three"])
    up = second.probes.assign(test_loss=1 / second.probes["test_loss"])
    pair = first.beside(dataclasses.replace(second, probes=up), ("early run", "late run"))
    figures = draw_pair(pair, width)
    assert set(figures) == {"loss", "loss_by_steps", "consensus_distance", "gradient_gap", "time_shares"}
    for figure in figures.values():
        check(figure)
    assert [label for label in labels(figures["loss"]) if "target" not in label] == list(pair.scenario.arms)


def test_a_picture_of_very_many_panels_has_a_bounded_size(tmp_path: Path) -> None:
    figure = Figure(figsize=(11, 170))
    save(figure, tmp_path / "high.png")
    assert max(matplotlib.image.imread(tmp_path / "high.png").shape) <= 4000


def test_losses_that_no_logarithm_has(recorded: Results) -> None:
    """Negative, constant, infinite, and none at all; one probe."""
    few = renamed(recorded, ["one", "two"], target=None)
    measured = few.probes["test_loss"]
    for losses, scale in ((measured - 5, "linear"), (measured * 0, "linear"), (measured * 0 + 1, "log")):
        (axes,) = drawn(dataclasses.replace(few, probes=few.probes.assign(test_loss=losses)), ["loss"])["loss"].axes
        assert axes.get_yscale() == scale
    endless = few.probes.assign(test_loss=measured.where(few.probes["time_s"] < 0.35, np.inf))
    (axes,) = drawn(dataclasses.replace(few, probes=endless), ["loss"])["loss"].axes
    assert axes.get_xlim()[1] == pytest.approx(0.3)
    for losses in (measured * np.inf, measured * np.nan):
        none = few.probes.assign(test_loss=losses, train_loss=losses)
        assert not drawn(dataclasses.replace(few, probes=none), ["loss", "loss_by_steps"])
    first = few.probes[few.probes["time_s"] == 0]
    for figure in drawn(dataclasses.replace(few, probes=first), ["loss", "loss_by_steps"], COLUMN).values():
        check(figure)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_covered_or_cut_in_figures_of_weights_and_theory(width: float | None) -> None:
    push = {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}}
    problem = {"problem": {"model": {"name": "noise", "dim": 25}}, "compute": {"time_s": 0.1}}
    arms = {"_push & <b>": push, **{f"gosgd_push (factor={n})": push for n in range(3)}}
    results = gossim.run(scenario(arms=arms, **problem))
    figures = draw_weights(results, {arm: results.weights(arm) for arm in arms}, width)
    figures |= {"theory": draw(results, True, width)["consensus_distance"]}
    assert set(figures) == {"gradient_weight_sums", "gradient_weights", "theory"}
    for figure in figures.values():
        check(figure)
    assert labels(figures["gradient_weight_sums"]) == list(arms)
