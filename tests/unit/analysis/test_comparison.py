"""Arms compared seed by seed: intervals that cover, the pairing, what is claimed of runs that did not arrive."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import gossim
from gossim.analysis.comparison import interval
from gossim.results import Results
from gossim.scenario.scenario import Scenario
from gossim.tables.columns import TABLES
from gossim.tables.frames import table
from support.commands import gossim_command
from support.scenarios import BASE, DIGITS

ARMS = ("gossip", "allreduce", "alone")


def made_up(
    times_s: dict[str, list[float | None]],
    end_s: float = 60.0,
    statuses: dict[str, list[str]] | None = None,
    losses: dict[str, list[float]] | None = None,
    target: bool = True,
    every_s: float = 0.1,
) -> Results:
    """Results of runs that met the target, test loss 0.25, at these times (None: never), and ended at `end_s`."""
    arms = {name: {"algorithm": {"name": "sgd"}} for name in times_s}
    repeats = len(next(iter(times_s.values())))
    data = {**BASE, "arms": arms, "repeats": repeats, "probe": {"every_s": every_s}}
    data["problem"] = {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 8}
    scenario = Scenario.parse(data | ({"target": {"test_loss": 0.25}} if target else {}))
    probes, workers, runs = [], [], []
    for name, times in times_s.items():
        for seed, met_s in enumerate(times):
            row = dict.fromkeys(("gradient_steps", "bytes_sent", "messages_sent"), 1)
            final = losses[name][seed] if losses else 0.1
            status = statuses[name][seed] if statuses else "complete"
            if status != "not run":
                curve = [(0.0, 1.0), *([(met_s, 0.2)] if met_s is not None else []), (end_s, final)]
                probes += [{**row, "arm": name, "seed": seed, "time_s": t, "test_loss": loss} for t, loss in curve]
                if met_s is None and not losses:
                    probes[-1]["test_loss"] = 0.5
                worker = {"worker": 0, "steps": 1, "busy_s": end_s, "waiting_s": 0.0}
                workers.append({"arm": name, "seed": seed, "time_s": end_s, **worker})
                runs.append({"arm": name, "seed": seed, "status": status})
    others = {name: table(name, []) for name in TABLES if name not in ("probes", "workers")}
    seen = {"probes": table("probes", probes), "workers": table("workers", workers)}
    return Results(scenario, {"runs": runs}, **seen, **others)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """19 times in 20, for normal differences of which the mean is known: within 5 standard errors of 0.95."""
    rng, trials = np.random.default_rng(7), 2000
    for seeds in (2, 3, 10):
        inside = 0
        for differences in rng.normal(0.3, 2.0, size=(trials, seeds)):
            _, low, high = interval(differences)
            inside += low <= 0.3 <= high
        assert abs(inside / trials - 0.95) < 5 * math.sqrt(0.95 * 0.05 / trials)


def test_the_interval_is_scipys_paired_t() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 6))
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert interval(a - b) == pytest.approx((np.mean(a - b), low, high))
    low, high = interval([0.4])[1:]
    assert math.isnan(low)
    assert math.isnan(high)


def test_a_difference_within_seeds_is_found_among_seeds_that_differ_more() -> None:
    """Seeds differ by far more than the arms do: what is clear within seeds would drown among them."""
    seeds = np.array([0.1, 0.9, 0.4, 1.6, 0.7])
    gap = np.array([0.010, 0.011, 0.009, 0.012, 0.010])
    losses = {"gossip": list(seeds), "allreduce": list(seeds + gap)}
    found = made_up(dict.fromkeys(losses, [None] * 5), losses=losses, target=False).compare()
    (row,) = found.to_dict("records")
    assert row["estimate"] == pytest.approx(-gap.mean())
    assert row["high"] < -0.008
    low, high = stats.ttest_ind(seeds, seeds + gap).confidence_interval(0.95)
    assert low < -0.5 < 0.5 < high
    # The seeds in another order: the means are the same, and nothing is shown any more.
    mixed = made_up(dict.fromkeys(losses, [None] * 5), losses=losses | {"allreduce": list((seeds + gap)[::-1])})
    other = mixed.compare().query("measure == 'test_loss'").iloc[0]
    assert other["estimate"] == pytest.approx(row["estimate"])
    assert other["low"] < 0 < other["high"]


def test_times_are_compared_as_ratios() -> None:
    results = made_up({"gossip": [10.0, 20.0, 12.0], "allreduce": [19.0, 40.0, 22.0]})
    row = results.compare().query("kind == 'ratio'").iloc[0]
    ratios = np.array([1.9, 2.0, 22 / 12])
    assert row["estimate"] == pytest.approx(stats.gmean(ratios))
    low, high = stats.ttest_1samp(np.log(ratios), 0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((math.exp(low), math.exp(high)))
    assert results.sentences() == [
        "gossip reaches test loss 0.25 1.9× sooner than allreduce (95% CI 1.7–2.1, 3 paired seeds)."
    ]
    turned = made_up({"allreduce": [19.0, 40.0, 22.0], "gossip": [10.0, 20.0, 12.0]})
    assert turned.sentences() == [
        "allreduce reaches test loss 0.25 1.9× later than gossip (95% CI 1.7–2.1, 3 paired seeds)."
    ]


CASES: list[tuple[dict[str, Any], str]] = [
    (
        {"times_s": {"gossip": [10.0], "allreduce": [19.0]}},
        "gossip reaches test loss 0.25 1.9× sooner than allreduce (one paired seed, no interval).",
    ),
    (
        {"times_s": {"gossip": [10.0, 12.0, 9.0], "allreduce": [12.0, 10.0, 9.5]}},
        "gossip vs allreduce, time to test loss 0.25: no significant difference "
        "(1.02×, 95% CI 0.64–1.6, 3 paired seeds).",
    ),
    (
        {"times_s": {"gossip": [5.0, 6.0, 6.0], "allreduce": [10.0, 11.0, 12.0]}, "every_s": 1.0},
        "gossip reaches test loss 0.25 1.9× sooner than allreduce (95% CI 1.7–2.2, 3 paired seeds; resolution 1 s).",
    ),
    (
        {"times_s": {"gossip": [5.0, 5.0], "allreduce": [10.0, 10.0]}, "every_s": 5.0},
        "gossip reaches test loss 0.25 2.0× sooner than allreduce (the same in all 2 paired seeds; resolution 5 s).",
    ),
    (
        {"times_s": {"gossip": [5.0, 6.0], "allreduce": [5.0, 6.0]}, "every_s": 1.0},
        "gossip and allreduce reach test loss 0.25 at the same probe, of one every 1 s in each of 2 seeds.",
    ),
    (
        {"times_s": {"gossip": [10.0, 20.0, 12.0], "allreduce": [19.0, None, 22.0]}, "end_s": 40.0},
        "gossip reached test loss 0.25 in 3 of 3 seeds by 40 s; allreduce reached test loss 0.25 in 2 of 3 seeds by "
        "40 s: their times cannot be compared.",
    ),
    (
        {"times_s": {"gossip": [30.0, 42.0], "allreduce": [None, None]}},
        "gossip reaches test loss 0.25 at least 1.42× sooner than allreduce in each of 2 seeds: "
        "allreduce had not reached it by 60 s.",
    ),
    (
        {"times_s": {"gossip": [None, None], "allreduce": [30.0, 40.0]}},
        "allreduce reaches test loss 0.25 at least 1.5× sooner than gossip in each of 2 seeds: "
        "gossip had not reached it by 60 s.",
    ),
    (
        {"times_s": {"gossip": [None, None], "allreduce": [None, None]}},
        "Neither gossip nor allreduce reached test loss 0.25 by 60 s in any of 2 seeds.",
    ),
    (
        {
            "times_s": {"gossip": [10.0, 20.0], "allreduce": [19.0, 40.0]},
            "statuses": {"gossip": ["complete"] * 2, "allreduce": ["complete", "diverged"]},
        },
        "gossip reached test loss 0.25 in 2 of 2 seeds by 60 s; allreduce reached test loss 0.25 in 1 of 2 seeds by "
        "60 s (1 diverged): their times cannot be compared.",
    ),
    (
        {"times_s": {"gossip": [0.0, 1.0], "allreduce": [1.0, 2.0]}},
        "test loss 0.25 is met before the first step: the times of gossip and allreduce cannot be compared.",
    ),
    (
        {
            "times_s": {"gossip": [None] * 3, "allreduce": [None] * 3},
            "losses": {"gossip": [0.10, 0.20, 0.3], "allreduce": [0.15, 0.25, 0.3501]},
            "statuses": {"gossip": ["complete"] * 3, "allreduce": ["complete", "complete", "diverged"]},
            "target": False,
        },
        "gossip ends with test loss 0.05 below that of allreduce (the same in all 2 paired seeds); "
        "of 3 seeds, 1 did not finish under both.",
    ),
    (
        {
            "times_s": {"gossip": [None] * 3, "allreduce": [None] * 3},
            "losses": {"gossip": [0.1, 0.2, 0.3], "allreduce": [0.3, 0.2, 0.1]},
            "target": False,
        },
        "gossip vs allreduce, test loss at the end: no significant difference "
        "(0, 95% CI -0.497 to 0.497, 3 paired seeds).",
    ),
    (
        {"times_s": {"gossip": [10.0, 20.0, 30.0], "allreduce": [10.001, 20.002, 30.0036]}},
        "gossip reaches test loss 0.25 1.00011× sooner than allreduce (95% CI 1.000078–1.00014, 3 paired seeds).",
    ),
    (
        {"times_s": {"gossip": [10.0, 20.0, 30.0], "allreduce": [10.03, 20.06, 30.12]}},
        "gossip reaches test loss 0.25 1.0033× sooner than allreduce (95% CI 1.0019–1.0048, 3 paired seeds).",
    ),
    (
        {"times_s": {"allreduce": [10.001, 20.002, 30.0036], "gossip": [10.0, 20.0, 30.0]}},
        "allreduce reaches test loss 0.25 1.00011× later than gossip (95% CI 1.000078–1.00014, 3 paired seeds).",
    ),
    (
        {"times_s": {"gossip": [10.0, 20.0], "allreduce": [20.0, 10.0]}},
        "gossip vs allreduce, time to test loss 0.25: no significant difference "
        "(1×, 95% CI 0.00015–6,683, 2 paired seeds).",
    ),
    (
        {"times_s": {"gossip": [59.9, 59.8], "allreduce": [None, None]}},
        "gossip reaches test loss 0.25 at least 1.0016× sooner than allreduce in each of 2 seeds: "
        "allreduce had not reached it by 60 s.",
    ),
    (
        {"times_s": {"gossip": [59.99999999999, 59.8], "allreduce": [None, None]}},
        "gossip reached test loss 0.25 in 2 of 2 seeds by 60 s; allreduce reached test loss 0.25 in 0 of 2 seeds by "
        "60 s: their times cannot be compared.",
    ),
    (
        {
            "times_s": {"gossip": [None] * 2, "allreduce": [None] * 2},
            "losses": {"gossip": [0.1, 0.2], "allreduce": [0.3, 0.2]},
            "statuses": {"gossip": ["complete", "diverged"], "allreduce": ["diverged", "complete"]},
            "target": False,
        },
        "gossip and allreduce cannot be compared: in no seed did both finish.",
    ),
]


@pytest.mark.parametrize(("made", "sentence"), CASES)
def test_a_comparison_is_said_in_one_sentence(made: dict[str, Any], sentence: str) -> None:
    assert made_up(**made).sentences() == [sentence]


def test_seeds_that_one_arm_has_not_run_are_left_out() -> None:
    statuses = {"gossip": ["complete"] * 3, "allreduce": ["complete", "complete", "not run"]}
    results = made_up({"gossip": [1.0, 2.0, 3.0], "allreduce": [2.0, 4.4, 1.0]}, statuses=statuses)
    assert results.compare()["seeds"].eq(2).all()
    assert "2 paired seeds" in results.sentences()[0]


def test_many_arms_are_told_against_the_first() -> None:
    three = made_up({name: [1.0, 2.0] for name in "abc"})
    assert [sentence.split()[:3] for sentence in three.sentences()] == [
        ["a", "and", "b"], ["a", "and", "c"], ["b", "and", "c"],
    ]  # fmt: skip
    four = made_up({name: [1.0, 2.0] for name in "abcd"})
    assert [sentence.split()[2] for sentence in four.sentences()] == ["b", "c", "d"]
    assert len(four.compare().query("kind == 'ratio'")) == 6


@pytest.mark.parametrize("goal", [None, 2.0])
def test_of_an_arm_without_losses_nothing_is_claimed(goal: float | None) -> None:
    """It finished, and never met a target that nobody measured."""
    alone = {"algorithm": {"name": "sgd"}, "problem": "none"}
    arms = {"a": {"algorithm": {"name": "sgd"}}, "b": alone, "c": alone}
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": None, "message_bytes": 40}
    target = {"target": {"train_loss": goal}} if goal else {}
    learning = {**BASE, "network": network, "arms": arms, "repeats": 2, **target}
    results = gossim.run(Scenario.parse(learning))
    assert (results.probes.query("arm == 'a'").groupby("seed")["train_loss"].last() < 2.0).all()
    missing = "train loss" if goal else "test loss"
    assert results.sentences()[:2] == [
        f"a and b cannot be compared: b has no {missing}.",
        f"a and c cannot be compared: c has no {missing}.",
    ]
    if goal:
        ratios = results.compare().query("kind == 'ratio'")
        assert ratios["at_least"].isna().all()
        assert ratios["at_most"].isna().all()
        assert results.sentences()[2] == "b and c cannot be compared: neither has a train loss."


def test_what_has_no_loss_has_no_sentence() -> None:
    two = {"a": {"algorithm": {"name": "sgd"}}, "b": {"algorithm": {"name": "allreduce"}}}
    results = gossim.run(Scenario.parse({**BASE, "arms": two}), gradients=False)
    assert results.compare().empty
    assert results.sentences() == []


def test_the_command_ends_with_the_sentences(tmp_path: Any) -> None:
    arms = {"a [b]": {"algorithm": {"name": "sgd"}}}
    with pytest.raises(gossim.ScenarioError):
        Scenario.parse({**BASE, "arms": arms})  # markup in a name could not be printed as it stands
    scenario = Scenario.parse({**BASE, "arms": {"a": arms["a [b]"], "b": {"algorithm": {"name": "allreduce"}}}})
    (tmp_path / "two.yaml").write_text(scenario.to_yaml())
    done = gossim_command("run", "two.yaml", cwd=tmp_path)
    (sentence,) = Results.open(tmp_path / "runs" / "two").sentences()
    assert sentence in " ".join(done.stdout.split())
