"""The figures of a sweep."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import gossim
from gossim.plots.sweep import draw_sweep
from gossim.plots.sweep_panels import MANY
from gossim.plots.sweep_speedup import speedups
from gossim.results import SweepResults
from gossim.runner.sweep_directory import SweepDirectory
from gossim.scenario.sweep import Sweep
from support.drawing import figure_of, only
from support.layout import COLUMN, check
from support.present import present
from support.scenarios import scenario
from support.sweeps import PUSH, SWEPT


def results_of(grid: dict[str, list[Any]], tmp_path: Path, measures: Any, **sections: Any) -> SweepResults:
    """As if the sweep had been run: `measures(values, arm, seed)` are the columns of a row, or its `status`."""
    described = Sweep.parse({**SWEPT, **sections, "sweep": grid})
    rows = {
        point.name: [
            {"arm": arm, "seed": seed, "status": "complete", "time_s": 9.0, **measures(point.values, arm, seed)}
            for arm in point.scenario.arms
            for seed in point.scenario.seeds
        ]
        for point in described.points
    }
    return SweepResults(described, SweepDirectory(tmp_path).write(described, rows), {})


def told(figure: Figure) -> list[str]:
    """The texts of the figure's legends."""
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


MORE: list[tuple[int, float | None]] = [(2, None), (24, COLUMN)]
LATENCY, BANDWIDTH = "network.latency_s", "network.bandwidth_bytes_per_s"


def arrival(values: Any, arm: str, seed: int) -> dict[str, Any]:
    """Later with latency, and where bandwidth is limited; the first arm is twice as fast."""
    slow = 1 + 10 * (values.get(LATENCY) or 0) + (1 if values.get(BANDWIDTH) else 0)
    return {"time_to_target_s": slow * (1 if arm == "push" else 2) + 0.1 * seed}


@pytest.mark.parametrize("keys", [(LATENCY, BANDWIDTH), (BANDWIDTH, LATENCY)])
def test_null_has_a_panel_in_the_figure_of_a_sweep(keys: tuple[str, str], tmp_path: Path) -> None:
    values: dict[str, list[Any]] = {LATENCY: [0.0, 0.1], BANDWIDTH: [None, 1000]}
    results = results_of({key: values[key] for key in keys}, tmp_path, arrival)
    figure: Any = figure_of(results, "sweep")
    panels = ["bandwidth_bytes_per_s = null", "bandwidth_bytes_per_s = 1000"]
    assert [axes.get_title() for axes in figure.axes] == panels
    for axes, slow in zip(figure.axes, (1, 2), strict=True):
        first, *_ = [line for line in axes.lines if line.get_marker() == "o"]
        assert list(first.get_xdata()) == [0.0, 0.1]
        assert list(first.get_ydata()) == pytest.approx([slow + 0.05, slow + 1.05])
    found = speedups(results)
    assert len(found) == 8
    assert found[BANDWIDTH].isna().sum() == 4
    assert told(figure_of(results, "speedup")) == ["null", "1000"]


def test_null_along_the_axis_is_a_line_across(tmp_path: Path) -> None:
    results = results_of({BANDWIDTH: [None, 1000, 100000]}, tmp_path, arrival)
    figure: Any = figure_of(results, "sweep")
    (axes,) = figure.axes
    across = [line for line in axes.lines if line.get_linestyle() == ":" and len(line.get_xdata())]
    assert sorted(line.get_ydata()[0] for line in across) == pytest.approx([1.05, 2.05])
    assert told(figure) == ["push", "together", "at null"]
    speedup: Any = figure_of(results, "speedup")
    assert told(speedup) == ["at bandwidth_bytes_per_s = null"]
    (line,) = [line for line in speedup.axes[0].lines if line.get_linestyle() == "--" and len(line.get_xdata())]
    assert line.get_ydata()[0] == pytest.approx(math.sqrt(2.0 * 2.1 / 1.1))


def test_null_that_not_every_seed_ended_is_said(tmp_path: Path) -> None:
    def late(values: Any, arm: str, seed: int) -> dict[str, Any]:
        lost = values[BANDWIDTH] is None and arm == "together" and seed == 1
        return {"time_to_target_s": math.nan} if lost else arrival(values, arm, seed)

    figure: Any = figure_of(results_of({BANDWIDTH: [None, 1000]}, tmp_path, late), "sweep")
    assert told(figure) == ["push", "together", "at null", "together, at null:\nnot by every seed"]


def test_a_panel_without_whole_rows_warns_nobody(tmp_path: Path) -> None:
    def diverging(values: Any, arm: str, seed: int) -> dict[str, Any]:
        return {"status": "diverged"} if values["workers"] == 4 else {"test_loss": 1.0 + seed}

    one = results_of({"workers": [2, 4], PUSH: [0.1, 1.0]}, tmp_path, diverging, target=None)
    other = results_of({PUSH: [0.1, 1.0], "workers": [2, 4]}, tmp_path, diverging, target=None)
    half = results_of({PUSH: [0.1, 1.0]}, tmp_path, lambda values, arm, seed: {"test_loss": None if seed else 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for results in (one, other, half):
            figures = results.plot()
            assert set(figures) == {"sweep"}
            for name, figure in figures.items():
                figure.savefig(tmp_path / f"{name}.png")


def test_of_very_many_values_some_are_shown(tmp_path: Path) -> None:
    values = [n / 100 for n in range(1, 31)]
    results = results_of({LATENCY: [0.0, 0.1], PUSH: values}, tmp_path, arrival)
    figures: dict[str, Any] = results.plot()
    panels = [axes.get_title() for axes in figures["sweep"].axes]
    assert len(panels) == MANY
    assert (panels[0], panels[-1]) == ("push_probability = 0.01", "push_probability = 0.3")
    note = f"\n{MANY} of 30 values of push_probability; sweep.parquet has all"
    assert note in figures["sweep"]._suptitle.get_text()
    assert note in figures["speedup"]._suptitle.get_text()
    assert len(told(figures["speedup"])) == MANY
    assert max(figures["sweep"].get_size_inches()) < 25


def test_of_very_many_arms_some_have_a_speedup(tmp_path: Path) -> None:
    arms = {f"arm{n:02}": {"algorithm": {"name": "allreduce"}} for n in range(20)}
    grid = {LATENCY: [0.0, 0.1]}
    figure: Any = figure_of(results_of(grid, tmp_path, arrival, arms=arms), "speedup")
    assert len(figure.axes) == MANY
    assert f"\n{MANY} of 19 arms" in figure._suptitle.get_text()
    assert max(figure.get_size_inches()) < 25


def test_every_panel_of_the_speedup_has_geometric_means(tmp_path: Path) -> None:
    arms = {name: {"algorithm": {"name": "allreduce"}} for name in ("push", "second", "third")}
    place = {"push": 1.0, "second": 2.0, "third": 8.0}
    results = results_of(
        {LATENCY: [0.01, 0.1]},
        tmp_path,
        lambda values, arm, seed: {"time_to_target_s": place[arm] * (1 + seed * (arm != "push"))},
        arms=arms,
    )
    figure: Any = figure_of(results, "speedup")
    for axes, expected in zip(figure.axes, (2 * math.sqrt(2), 8 * math.sqrt(2)), strict=True):
        (line,) = [line for line in axes.lines if line.get_marker() == "o"]
        assert list(line.get_ydata()) == pytest.approx([expected, expected])
        assert (axes.get_yscale(), axes.get_xscale()) == ("log", "log")


def test_values_of_several_kinds_have_panels_of_their_own(tmp_path: Path) -> None:
    law = {"distribution": "expon", "scale": 0.1}
    results = results_of({"compute.time_s": [0.1, law], LATENCY: [0.0, 0.1]}, tmp_path, arrival)
    titles = [axes.get_title() for axes in figure_of(results, "sweep").axes]
    assert titles == ["time_s = 0.1", "time_s = {distribution: expon, scale: 0.1}"]


def test_a_sweep_draws_its_means_and_speedups(swept: tuple[SweepResults, Path]) -> None:
    results, out = swept
    files = {f"{name}.{kind}" for name in ("sweep", "speedup") for kind in ("png", "svg")}
    assert {path.name for path in (out / "figures").iterdir()} == files
    figure: Any = figure_of(results, "sweep")
    assert [axes.get_title() for axes in figure.axes] == ["push_probability = 0.1", "push_probability = 1"]
    assert figure._supxlabel.get_text().startswith("workers")
    assert figure._supylabel.get_text() == "simulated seconds to test loss 0.5"
    assert figure.axes[0].get_xscale() == "linear"
    wide: Any = figure_of(gossim.sweep(scenario(), {PUSH.replace("push.", "arm.", 1): [0.01, 0.1]}, jobs=1), "sweep")
    (axes,) = wide.axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in present(axes.get_legend()).get_texts()] == ["arm"]
    (line,) = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    assert list(line.get_xdata()) == [0.01, 0.1]


def test_where_not_every_seed_arrived_no_mean_is_drawn(swept: tuple[SweepResults, Path]) -> None:
    results, _ = swept
    table = results.table.assign(time_to_target_s=1.0, time_s=5.0)
    late = (table["workers"] == 4) & (table["arm"] == "together") & (table["seed"] == 1)
    table.loc[late, "time_to_target_s"] = np.nan
    first: Any = figure_of(SweepResults(results.sweep, table, {}), "sweep").axes[0]
    scattered: list[Any] = [marks.get_offsets() for marks in first.collections if isinstance(marks, PathCollection)]
    (marks,) = [offsets for offsets in scattered if len(offsets)]
    assert marks.tolist() == [[4.0, 5.0]]
    lengths = {len(line.get_xdata()) for line in first.lines if line.get_marker() == "o"}
    assert lengths == {1, 2}


def test_the_speedup_is_of_the_first_arm_seed_by_seed(swept: tuple[SweepResults, Path]) -> None:
    results, _ = swept
    table = results.table.copy()
    place = {"push": 2.0, "together": 5.0}
    table["time_to_target_s"] = (
        table["arm"].map(place) * table["workers"] ** (table["arm"] == "together") + table["seed"]
    )
    table.loc[(table["workers"] == 4) & (table[PUSH] == 1.0) & (table["seed"] == 0), "time_to_target_s"] = np.nan
    changed_results = SweepResults(results.sweep, table, {})
    found = speedups(changed_results)
    assert set(found["arm"]) == {"together"}
    assert [tuple(row) for row in found[["workers", PUSH, "seed"]].to_numpy()] == [
        (2, 0.1, 0), (2, 0.1, 1), (2, 1.0, 0), (2, 1.0, 1), (4, 0.1, 0), (4, 0.1, 1),
    ]  # fmt: skip
    assert found["speedup"].tolist() == pytest.approx([10 / 2, 11 / 3] * 2 + [20 / 2, 21 / 3])
    speedup: Any = figure_of(changed_results, "speedup")
    (axes,) = speedup.axes
    lines = {tuple(line.get_xdata()): line.get_ydata() for line in axes.lines if line.get_marker() not in ("None", "")}
    assert lines[2, 4] == pytest.approx([math.sqrt(5 * 11 / 3), math.sqrt(10 * 7)])
    table["time_to_target_s"] = np.nan
    with only("speedup"):
        assert SweepResults(results.sweep, table, {}).plot() == {}


@pytest.mark.parametrize(
    ("arms", "width"), [(2, COLUMN), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(24, None), *MORE])]
)
def test_nothing_is_covered_or_cut(arms: int, width: float | None, tmp_path: Path) -> None:
    own = {f"_push (factor={n})": {"algorithm": {"name": "allreduce"}} for n in range(arms)}
    grid = {LATENCY: [0.0, 0.1, 0.11, 0.12]} | ({BANDWIDTH: [None, 1000]} if arms == 2 else {})
    figures = draw_sweep(results_of(grid, tmp_path, arrival, arms=own), width)
    for name in ("sweep", "speedup") if arms == 2 else ("sweep",):
        check(figures[name])
    assert told(figures["sweep"])[:arms] == list(own)
