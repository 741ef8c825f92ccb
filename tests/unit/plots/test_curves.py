"""The curves of the figures, point by point, against the tables that they are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import gossim
from gossim.plots.style import axis_number, log_scale
from gossim.results import Results
from gossim.scenario.scenario import Scenario
from gossim.tables.frames import table
from support.drawing import figure_of
from support.learning import LEARNING, line
from support.scenarios import scenario


@pytest.fixture(scope="module")
def learned() -> Results:
    return gossim.run(Scenario.parse(LEARNING))


@pytest.fixture(scope="module")
def drawn(learned: Results) -> dict[str, Any]:
    return learned.plot()


def bands(axes: Any) -> list[tuple[float, float]]:
    """The lowest and highest point of each band."""
    every = [band.get_paths()[0].vertices for band in axes.collections]
    return [(vertices[:, 1].min(), vertices[:, 1].max()) for vertices in every]


def curves(results: Results, arm: str) -> dict[int, pd.Series]:
    own = results.probes[results.probes["arm"] == arm]
    return {seed: rows.set_index("gradient_steps")["test_loss"] for seed, rows in own.groupby("seed")}


@pytest.mark.parametrize("arm", list(LEARNING["arms"]))
def test_loss_against_time_is_the_mean_over_seeds(learned: Results, drawn: dict[str, Any], arm: str) -> None:
    axes = drawn["loss"].axes[0]
    means = learned.probes[learned.probes["arm"] == arm].groupby("time_s")["test_loss"].mean()
    np.testing.assert_allclose(line(learned, axes, arm), means.reset_index().to_numpy())


@pytest.mark.parametrize("arm", list(LEARNING["arms"]))
def test_loss_against_steps_is_the_mean_of_interpolated_seeds(
    learned: Results, drawn: dict[str, Any], arm: str
) -> None:
    figure = drawn["loss_by_steps"]
    per_worker, together = figure.axes
    points = line(learned, together, arm)
    own = curves(learned, arm)
    ends = {seed: curve.index[-1] for seed, curve in own.items()}
    shortest = min(ends, key=lambda seed: ends[seed])
    assert points[-1, 0] == ends[shortest]
    assert sorted(set(points[:, 0])) == sorted(set(own[shortest].index))
    for x, y in points:
        values = []
        for curve in own.values():
            curve = curve[~curve.index.duplicated(keep="last")]
            after = curve.index.searchsorted(x)
            if curve.index[after] == x:
                values.append(curve.iloc[after])
                continue
            low, high = curve.index[after - 1], curve.index[after]
            values.append(curve.loc[low] + (x - low) / (high - low) * (curve.loc[high] - curve.loc[low]))
        assert len(values) == 3
        assert y == pytest.approx(np.mean(values), rel=1e-12)
    workers = learned.scenario.arms[arm].workers
    np.testing.assert_allclose(line(learned, per_worker, arm), points / [workers, 1])


def test_the_steps_are_named_and_the_target_drawn(learned: Results, drawn: dict[str, Any]) -> None:
    figure = drawn["loss_by_steps"]
    per_worker, together = figure.axes
    assert per_worker.get_xlabel() == "gradient steps per worker:\nthose of all M, divided by M"
    assert together.get_xlabel() == "gradient steps of all workers together"
    assert per_worker.get_ylabel() == drawn["loss"].axes[0].get_ylabel() == "test loss of the mean model [nats]"
    assert figure.get_supxlabel() == "band: lowest to highest of 3 seeds"
    assert [text.get_text() for text in together.get_legend().get_texts()] == [*LEARNING["arms"], "target 1.5"]
    for axes in figure.axes:
        assert [1.5, 1.5] in [list(one.get_ydata()) for one in axes.get_lines()]
        assert not axes.texts  # nothing is written over the curves
    # What a round of `allreduce` is: one step of each worker.
    rounds = learned.workers[learned.workers["arm"] == "together"].groupby("seed")["steps"].max().min()
    assert line(learned, per_worker, "together")[-1, 0] == rounds


def made_up(losses: dict[str, list[tuple[int, int, float]]], status: dict[str, str] | None = None) -> Results:
    """Results with these (seed, gradient steps, test loss) of each arm, a probe a second."""
    arms = {arm: {"algorithm": {"name": "sgd"}} for arm in losses}
    rows, runs = [], []
    for arm, probes in losses.items():
        for seed in dict.fromkeys(seed for seed, _, _ in probes):
            own = [(steps, loss) for other, steps, loss in probes if other == seed]
            runs.append({"arm": arm, "seed": seed, "status": (status or {}).get(f"{arm} {seed}", "complete")})
            for time_s, (steps, loss) in enumerate(own):
                counts = {"gradient_steps": steps, "bytes_sent": 0, "messages_sent": 0}
                rows.append({"arm": arm, "seed": seed, "time_s": time_s, **counts, "test_loss": loss})
    names = ("workers", "timeline", "exchanges", "activities", "gaps", "layers")
    empty = {name: table(name, []) for name in names}
    return Results(scenario(arms=arms, repeats=2), {"runs": runs}, table("probes", rows), **empty)


def test_curves_over_steps_agree_with_hand_arithmetic() -> None:
    """Seed 1 ends at 8 steps, having stood still at 4 while its loss fell: the last loss there counts."""
    slow = [(1, 0, 8.0), (1, 4, 6.0), (1, 4, 4.0), (1, 8, 2.0)]
    results = made_up({"arm": [(0, 0, 8.0), (0, 10, 3.0), (0, 20, 1.0), *slow]})
    axes: Any = figure_of(results, "loss_by_steps").axes[0]
    (above,) = axes.child_axes
    points = line(results, axes, "arm")
    np.testing.assert_allclose(points, [[0.0, 8.0], [1.0, (4 + 6) / 2], [2.0, (2 + 4) / 2]])
    assert bands(axes) == [(2.0, 8.0)]
    assert axes.get_xlim() == (0, 2)
    assert above.get_xlabel() == "gradient steps of all 4 workers together"
    axes.figure.draw_without_rendering()
    assert above.get_xlim() == (0, 8)
    assert axes.get_xlabel().endswith("(those of all, divided by 4)\nband: lowest to highest of 2 seeds")


def test_seeds_that_diverged_are_left_out_and_the_band_says_so() -> None:
    losses = {"a": [(0, 0, 4.0), (0, 8, 2.0), (0, 16, 1.0), (1, 0, 4.0)], "b": [(0, 0, 4.0), (0, 8, 3.0), (0, 9, 2.0)]}
    losses["b"] += [(1, 0, 4.0), (1, 4, 3.0), (1, 12, 2.0)]
    results = made_up(losses, {"a 1": "diverged"})
    for name in ("loss", "loss_by_steps"):
        axes = figure_of(results, name).axes[0]
        assert line(results, axes, "a")[-1, 1] == 1.0
        assert axes.get_xlabel().endswith("band: lowest to highest of 1 to 2 seeds")
    gone = made_up(losses, {f"{arm} {seed}": "diverged" for arm in "ab" for seed in (0, 1)})
    assert not {"loss", "loss_by_steps"} & set(gone.plot())


def test_what_no_axis_can_hold_is_left_out() -> None:
    losses = {"a": [(0, 0, 4.0), (0, 8, 2.0), (0, 16, 1e308)]}
    for name in ("loss", "loss_by_steps"):
        shown = figure_of(made_up(losses), name)
        shown.draw_without_rendering()
        assert shown.axes[0].get_ylim()[1] < 10


def test_one_worker_has_but_one_kind_of_step() -> None:
    results = gossim.run(Scenario.parse({**LEARNING, "workers": 1, "arms": {"alone": LEARNING["arms"]["alone"]}}))
    axes = figure_of(results, "loss_by_steps").axes
    assert [each.get_xlabel() for each in axes] == ["gradient steps\nband: lowest to highest of 3 seeds"]
    assert not axes[0].child_axes


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (10.4, 10.9, ["10.4", "10.5", "10.6", "10.7", "10.8", "10.9"]),
        (0.3, 2.0, ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1", "2"]),
        (0.09, 6.0, ["0.1", "0.2", "0.5", "1", "2", "5"]),
        (1e-6, 1e6, ["$10^{-6}$", "0.0001", "0.01", "1", "100", "10000", "$10^{6}$"]),
        (9e-8, 3e-7, ["$9 \\times 10^{-8}$", "$10^{-7}$", "$2 \\times 10^{-7}$", "$3 \\times 10^{-7}$"]),
    ],
)
def test_a_logarithmic_axis_has_numbers_one_can_read(low: float, high: float, told: list[str]) -> None:
    axes = Figure().add_subplot()
    axes.plot([low, high])
    log_scale(axes)
    axes.set_ylim(low, high)
    shown: dict[Any, Any] = {}
    axis = axes.yaxis
    for locator, formatter in (
        (axis.get_major_locator(), axis.get_major_formatter()),
        (axis.get_minor_locator(), axis.get_minor_formatter()),
    ):
        marks = [value for value in locator() if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        shown |= {value: formatter(value) for value in marks}
    assert [shown[value] for value in sorted(shown) if shown[value]] == told


def test_a_number_has_as_many_digits_as_it_needs() -> None:
    values = [0.1 + 0.2, 2.3025815, 1.00001, 200_000.0, 2e6, 1.234567e-7]
    told = ["0.3", "2.3025815", "1.00001", "200000", r"$2 \times 10^{6}$", r"$1.234567 \times 10^{-7}$"]
    assert list(map(axis_number, values)) == told
