"""What `plot --theory` draws, and where it says that there is no theory."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import only_arm, scenario
from test_cli import gossim_command

import gossim
from gossim import theory
from gossim.plots.predicted import predict, predictions, unfit

NOISE = {
    "workers": 4,
    "problem": {"model": {"name": "noise", "dim": 25}},
    "optimizer": {"learning_rate": 0.2},
    "compute": {"time_s": {"distribution": "expon", "scale": 0.1}},
    "network": {"latency_s": 0.0, "bandwidth_bytes_per_s": None},
    "until": {"time_s": 3.0},
}
ARMS = {
    "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
    "pairs": {"algorithm": {"name": "adpsgd"}},
    "rounds": {"algorithm": {"name": "local_sgd", "period": 4}},
    "late": {"algorithm": {"name": "adpsgd"}, "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": None}},
    "ring": {"algorithm": {"name": "adpsgd"}, "topology": {"name": "ring"}},
}


def test_theory_is_dashed_where_it_applies() -> None:
    results = gossim.run(scenario(**NOISE, arms=ARMS))
    plain = results.plot()["consensus_distance"].axes[0].get_legend().get_texts()
    assert [text.get_text() for text in plain] == list(ARMS)
    axes = results.plot(theory=True)["consensus_distance"].axes[0]
    shown = [text.get_text() for text in axes.get_legend().get_texts()][len(ARMS) :]
    named = [f"{arm}: theory (r.m.s.)" for arm in ("push", "pairs", "rounds", "late")]
    assert shown == [*named[:3], f"{named[3]},\nfor no latency"]
    assert all(line.get_linestyle() == "--" for line in axes.get_lines() if ": theory" in str(line.get_label()))
    assert predictions(results)[1] == {"ring": "the topology is not 'complete'"}


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
        ({"algorithm": {"name": "dpsgd"}}, "no formula for 'dpsgd'"),
    ],
)
def test_where_there_is_no_theory(change: dict, reason: str) -> None:
    assert reason in (unfit(only_arm(**{**NOISE, **ARMS["rounds"], **change})) or "")


def test_the_terminal_says_where_there_is_none(tmp_path: object) -> None:
    gossim.run(scenario(until={"time_s": 1.0}), out=f"{tmp_path}/out")
    drawn = gossim_command("plot", f"{tmp_path}/out", "--theory")
    assert drawn.returncode == 0
    assert drawn.stderr == "no theory for arm (the problem is not 'noise')\n"
