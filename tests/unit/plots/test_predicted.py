"""What `plot --theory` draws, and where it says that there is no theory."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import gossim
from gossim import theory
from gossim.execute.batched import Batched
from gossim.plots.predicted import predict, predictions, unfit
from gossim.plots.predicted.gosgd_push import relaxation_steps
from gossim.testing import trajectory
from support.commands import gossim_command
from support.consensus import DIM, apart, mean_and_error, noise_arm, over_time
from support.drawing import figure_of, only
from support.present import present
from support.scenarios import only_arm, scenario

NOISE: dict[str, Any] = {
    "workers": 4,
    "problem": {"model": {"name": "noise", "dim": 25}},
    "optimizer": {"learning_rate": 0.2},
    "compute": {"time_s": {"distribution": "expon", "scale": 0.1}},
    "network": {"latency_s": 0.0, "bandwidth_bytes_per_s": None},
    "until": {"time_s": 3.0},
}
ARMS: dict[str, dict[str, Any]] = {
    "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
    "pairs": {"algorithm": {"name": "adpsgd"}},
    "rounds": {"algorithm": {"name": "local_sgd", "period": 4}},
    "late": {"algorithm": {"name": "adpsgd"}, "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": None}},
    "ring": {"algorithm": {"name": "adpsgd"}, "topology": {"name": "ring"}},
    "mixed": {"algorithm": {"name": "dpsgd"}, "topology": {"name": "ring"}},
    "push_on_ring": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}, "topology": {"name": "ring"}},
}


MATCHINGS = {"name": "matchings", "base": "ring", "activation_probability": 0.5}
FAIR = {"latency_s": 0.0, "bandwidth_bytes_per_s": 1e6, "sharing": "fair"}


def test_theory_is_dashed_where_it_applies() -> None:
    results = gossim.run(scenario(**NOISE, arms=ARMS))
    plain = present(figure_of(results, "consensus_distance").axes[0].get_legend()).get_texts()
    assert [text.get_text() for text in plain] == list(ARMS)
    with only("consensus_distance"):
        axes = results.plot(theory=True)["consensus_distance"].axes[0]
    shown = [text.get_text() for text in present(axes.get_legend()).get_texts()][len(ARMS) :]
    named = [f"{arm}: theory (r.m.s.)" for arm in ("push", "pairs", "rounds", "late", "ring", "mixed")]
    named[2] = "rounds: theory (r.m.s., mean over time)"
    assert shown == [*named[:3], f"{named[3]},\nfor no latency", named[4], f"{named[5]},\nfor constant times"]
    assert all(line.get_linestyle() == "--" for line in axes.get_lines() if ": theory" in str(line.get_label()))
    assert predictions(results)[1] == {"push_on_ring": "the topology is not 'complete'"}


def test_predicted_distances_are_those_of_theory() -> None:
    time_s = np.array([0.0, 100.0])
    pairs = predict(only_arm(**NOISE, **ARMS["pairs"]), time_s)
    assert pairs.distance**2 == pytest.approx([0.0, theory.pairwise_consensus(4, 1.0, 0.04 * 25)])
    constant = NOISE | {"compute": {"time_s": 0.1}}
    rounds = predict(only_arm(**constant, **ARMS["rounds"]), time_s)
    assert rounds.distance**2 == pytest.approx([0.04 * 25 * 0.75 * 1.5] * 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"problem": {"model": {"name": "quadratic"}}}, "the problem is not 'noise'"),
        ({"optimizer": {"learning_rate": 0.1, "momentum": 0.9}}, "the optimizer is not plain SGD"),
        ({"compute": {"time_s": 0.1, "stragglers": [{"workers": [1], "factor": 2.0}]}}, "the workers are not equal"),
        ({"compute": {"time_s": {"distribution": "lognorm", "s": 1.0}}}, "a sum of 'lognorm' times is not known"),
        ({"algorithm": {"name": "sgp"}}, "no formula for 'sgp'"),
        ({"algorithm": {"name": "dpsgd"}, "topology": {"name": "static_exponential"}}, "is not symmetric"),
        ({"algorithm": {"name": "dpsgd"}, "topology": MATCHINGS}, "or not the same in each round"),
        ({"algorithm": {"name": "dpsgd"}, "workers": 1025}, "for at most 1024 workers"),
        ({"algorithm": {"name": "dpsgd"}, "network": FAIR}, "the network is not uniform"),
        ({"algorithm": {"name": "adpsgd"}, "topology": MATCHINGS}, "'matchings' changes from round to round"),
        ({"algorithm": {"name": "adpsgd"}, "topology": {"name": "ring"}, "workers": 33}, "more than 32 workers"),
    ],
)
def test_where_there_is_no_theory(change: dict, reason: str) -> None:
    assert reason in (unfit(only_arm(**{**NOISE, **ARMS["rounds"], **change})) or "")


GRAPHS: list[dict[str, Any]] = [{"name": "star"}, {"name": "erdos_renyi", "edge_probability": 0.8}]
FEW = {("star", 0.06, "combine_then_adapt")}
"""Of all topologies, latencies and orders what is not left to the slow tests."""


@pytest.mark.parametrize(
    ("topology", "latency_s", "order"),
    [
        pytest.param(*case, marks=() if (case[0]["name"], *case[1:]) in FEW else pytest.mark.slow)
        for case in itertools.product(
            GRAPHS,
            [0.0, 0.06, 0.25],
            ["combine_then_adapt", "adapt_then_combine"],
        )
    ],
)
def test_averaging_on_a_graph_is_where_it_is_predicted(topology: dict, latency_s: float, order: str) -> None:
    """Mean over time of the mean square: rounds of 0.1 s and the message, and in part of each x that is not averaged
    yet. Over the seeds' own graphs."""
    sections = NOISE | {
        "workers": 6,
        "topology": topology,
        "algorithm": {"name": "dpsgd", "order": order},
        "compute": {"time_s": 0.1},
        "network": {"latency_s": latency_s, "bandwidth_bytes_per_s": None},
        "until": {"time_s": 20.0},
        "probe": {"every_s": 0.0731},
    }
    arm = only_arm(**sections)
    mean, error = over_time(arm, 12, begin_s=8.0)
    expected = predict(arm, np.array([8.0, 20.0]), range(12)).distance ** 2 / 25
    assert expected[0] == pytest.approx(expected[1], rel=1e-3)
    assert mean == pytest.approx(expected[1], abs=5 * error)
    assert error < mean / 5  # seeds have graphs of their own


@pytest.mark.slow
def test_local_sgd_is_predicted_for_probes_out_of_step() -> None:
    """With constant times, probes at the end of rounds find the workers equal: not what the mean over time is."""
    sections = NOISE | ARMS["rounds"] | {"compute": {"time_s": 0.1}, "until": {"time_s": 40.0}}
    in_step = gossim.run(scenario(**sections, probe={"every_s": 0.4}))
    assert in_step.probes["consensus_distance"][1:].max() == 0
    arm = only_arm(**sections, probe={"every_s": 0.0731})
    prediction = predict(arm, np.array([40.0]))
    assert prediction.assumed == "probes out of step with rounds"
    assert prediction.average == "r.m.s., mean over time"
    mean, error = over_time(arm, 8, begin_s=4.0)
    assert mean == pytest.approx(prediction.distance[0] ** 2 / 25, abs=5 * error)
    assert predict(only_arm(**NOISE, **ARMS["rounds"]), np.array([40.0])).assumed == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "probability", "seeds"),
    [
        (8, 0.02, 20),
        pytest.param(32, 0.01, 4, marks=pytest.mark.slow),
        pytest.param(8, 0.5, 60, marks=pytest.mark.slow),
    ],
)
def test_push_is_predicted_where_mixing_is_slow(workers: int, probability: float, seeds: int) -> None:
    """From equal x to where the start is nearly forgotten."""
    end_s = round(5 * relaxation_steps(workers, probability)) / workers
    arm = noise_arm(
        {"name": "gosgd_push", "push_probability": probability},
        workers,
        until={"time_s": 1.01 * end_s},
        probe={"every_s": end_s / 5},
    )
    runs = [[apart(at) / DIM for at in trajectory(arm, Batched, seed, window=4000)[2][1:6]] for seed in range(seeds)]
    expected = predict(arm, np.arange(1, 6) * end_s / 5).distance ** 2 / DIM
    assert expected[0] < 0.7 * expected[-1]
    for predicted, found in zip(expected, np.array(runs).T, strict=True):
        mean, error = mean_and_error(found)
        assert mean == pytest.approx(predicted, abs=5 * math.hypot(error, 0.02 * predicted))
        assert error < mean / 8


@pytest.mark.parametrize(
    ("workers", "probability"),
    [(2, 0.3), pytest.param(16, 0.01, marks=pytest.mark.slow), pytest.param(16, 1.0, marks=pytest.mark.slow)],
)
def test_what_is_called_stationary_is(workers: int, probability: float) -> None:
    """Twice as long after the start, nothing has changed."""
    relaxation = relaxation_steps(workers, probability)
    arm = noise_arm({"name": "gosgd_push", "push_probability": probability}, workers)
    drawn = predict(arm, np.array([0.0, 1.0, 1e9])).distance ** 2 / DIM
    assert drawn[0] == 0
    assert drawn[1] < drawn[2]
    late = relaxation * np.array([32.0, 36.0, 40.0])
    paths = theory.push_consensus_paths(workers, probability, late, 1000, np.random.default_rng(1))
    mean, error = mean_and_error(paths.mean(axis=1))
    assert drawn[2] == pytest.approx(mean, abs=5 * math.hypot(error, 0.02 * mean))
    assert error < mean / 50


def test_the_work_of_a_prediction_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the run, and however many workers there may be."""
    asked: list[tuple[float, int]] = []

    def counted(workers: int, probability: float, steps: np.ndarray, paths: int, _: object) -> np.ndarray:
        asked.append((probability * max(steps), workers * paths))
        return np.ones((paths, len(steps)))

    monkeypatch.setattr(theory, "push_consensus_paths", counted)
    for workers, probability in [(2, 1.0), (512, 0.001), (512, 1.0)]:
        arm = noise_arm({"name": "gosgd_push", "push_probability": probability}, workers)
        predict(arm, np.linspace(0.0, 1e7, 200))
        assert asked[-1][0] < 16 * 3 * workers  # messages in each path
        assert asked[-1][1] <= 8192  # workers in all of them
    assert "more than 512 workers" in (unfit(noise_arm(ARMS["push"]["algorithm"], 513)) or "")


def test_the_first_rounds_are_steps() -> None:
    sections = NOISE | ARMS["mixed"] | {"compute": {"time_s": 0.1}}
    found = predict(only_arm(**sections), np.array([0.05, 0.1, 0.15, 0.3])).distance ** 2
    # On a ring of four the eigenvalues are 1, 1/3, 1/3 and -1/3.
    after_three = 3 * (1 + 1 / 9 + 1 / 81) / 4
    assert found == pytest.approx([0, 0.75, 0.75, after_three])
    assert predict(only_arm(**sections), np.array([0.3])).assumed == ""


def test_a_drawn_graph_is_that_of_its_seed() -> None:
    sections = NOISE | {"workers": 8, "compute": {"time_s": 0.1}, "algorithm": {"name": "dpsgd"}}
    arm = only_arm(**sections, topology={"name": "erdos_renyi", "edge_probability": 0.8})
    each = [predict(arm, np.array([9.0]), [seed]).distance[0] ** 2 for seed in (0, 1, 1)]
    assert each[0] != each[1]
    assert predict(arm, np.array([9.0]), [0, 1, 1]).distance[0] ** 2 == pytest.approx(np.mean(each))


@pytest.mark.slow
def test_pairs_on_a_ring_are_where_they_are_predicted() -> None:
    arm = only_arm(**NOISE | {"workers": 6, "until": {"time_s": 20.0}, "probe": {"every_s": 0.21}}, **ARMS["ring"])
    mean, error = over_time(arm, 8, begin_s=5.0)
    expected = predict(arm, np.array([5.0, 20.0])).distance ** 2 / 25
    assert expected[0] == pytest.approx(expected[1], rel=1e-3)
    assert mean == pytest.approx(expected[1], abs=5 * error)
    assert error < mean / 20


def test_local_sgd_asks_no_topology() -> None:
    ring = only_arm(**NOISE, **ARMS["rounds"], topology={"name": "ring"})
    assert unfit(ring) is None
    time_s = np.array([1.0])
    assert predict(ring, time_s).distance == predict(only_arm(**NOISE, **ARMS["rounds"]), time_s).distance


def test_the_terminal_says_where_there_is_none(tmp_path: object) -> None:
    gossim.run(scenario(until={"time_s": 1.0}), out=f"{tmp_path}/out")
    with only("loss"):
        drawn = gossim_command("plot", f"{tmp_path}/out", "--theory")
    assert drawn.returncode == 0
    assert drawn.stderr == "no theory for arm (the problem is not 'noise')\n"
