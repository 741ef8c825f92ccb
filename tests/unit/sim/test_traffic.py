"""Who sent messages to whom, how stale they were, and where the workers' time went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gossim
from gossim.algorithms import ALGORITHMS as REGISTRY
from gossim.algorithms._families import WithCollective
from gossim.analysis.summary import staleness
from gossim.errors import InputError
from gossim.plots import FIGURES
from gossim.sim.traffic import Direction, Exchange, by_pair, exchange_of, total
from gossim.tables.columns import LATER, TABLES
from support.algorithms import ALGORITHMS
from support.drawing import figure_of
from support.scenarios import only_arm, scenario, world_of

FORMULAS = {name for name, cls in REGISTRY.items() if issubclass(cls, WithCollective)}
"""What their collectives send is counted, but not by whom to whom."""


@pytest.fixture(scope="module")
def every() -> gossim.Results:
    """Each algorithm for a while, with two seeds."""
    arms = {name: {"algorithm": algorithm} for name, algorithm in ALGORITHMS.items()}
    return gossim.run(scenario(arms=arms, repeats=2, until={"time_s": 3.0}))


def test_what_is_sent_adds_up(every: gossim.Results) -> None:
    last = every.probes.groupby(["arm", "seed"])[["messages_sent", "bytes_sent", "gradient_steps"]].last()
    sums = every.exchanges.groupby(["arm", "seed"])[["messages", "size_bytes", "merged"]].sum()
    sums = sums.reindex(last.index, fill_value=0)
    plain = ~last.index.get_level_values("arm").isin(FORMULAS)
    assert (sums["messages"][plain] == last["messages_sent"][plain]).all()
    assert (sums["size_bytes"][plain] == last["bytes_sent"][plain]).all()
    assert (sums["messages"] <= last["messages_sent"]).all()
    assert (sums["merged"] <= sums["messages"]).all()
    for entry in every.manifest["runs"]:
        run = last.loc[entry["arm"], entry["seed"]]
        assert entry["messages_per_step"] == run["messages_sent"] / run["gradient_steps"]


def test_only_pairs_that_occurred_and_nobody_with_itself(every: gossim.Results) -> None:
    exchanges = every.exchanges
    assert (exchanges["messages"] > 0).all()
    assert (exchanges["sender"] != exchanges["receiver"]).all()
    assert not exchanges.duplicated(["arm", "seed", "sender", "receiver"]).any()
    served = exchanges[exchanges["arm"].isin(["downpour", "ssp", "easgd"])]
    assert ((served["sender"] == 4) ^ (served["receiver"] == 4)).all()


def test_staleness_overall_is_the_manifests(every: gossim.Results) -> None:
    overall = staleness(every.exchanges, ["arm", "seed"])
    for entry in every.manifest["runs"]:
        if entry["staleness_steps"] is None:
            assert (entry["arm"], entry["seed"]) not in overall.index
        else:
            own = overall.loc[entry["arm"], entry["seed"]]
            assert own["staleness_steps"] == pytest.approx(entry["staleness_steps"])
            assert own["staleness_s"] == pytest.approx(entry["staleness_s"])
    assert len(staleness(every.exchanges).loc["gosgd_push", 0]) == 4


def test_where_time_went_is_all_of_it(every: gossim.Results) -> None:
    kinds = ["computing_s", "waiting_s", "sending_s", "down_s"]
    last = every.workers.groupby(["arm", "seed", "worker"]).last()
    spent = every.activities.set_index(["arm", "seed", "worker"]).loc[last.index]
    np.testing.assert_allclose(spent[kinds].sum(axis=1), last["time_s"], rtol=1e-12)
    assert (spent["computing_s"] == last["busy_s"]).all()
    np.testing.assert_allclose(spent[kinds[1:]].sum(axis=1), last["waiting_s"], rtol=1e-9, atol=1e-12)
    assert (spent["down_s"] == 0).all()
    assert (spent.loc["gosgd_push", "computing_s"] == last["time_s"]["gosgd_push"]).all()
    assert (spent.loc["allreduce", "sending_s"] > 0).all()


def test_a_worker_that_is_down() -> None:
    crash = {"name": "crash", "workers": [1], "at_s": 1.0, "back_after_s": 0.5, "parameters": "kept"}
    results = gossim.run(scenario(until={"time_s": 3.0}, faults=[crash]))
    assert results.activities["down_s"].tolist() == [0, 0.5, 0, 0]


def test_the_time_in_the_timeline_is_the_time_in_the_table(every: gossim.Results) -> None:
    timeline = every.timeline[every.timeline["activity"] != "message"]
    spans = (timeline["end_s"] - timeline["start_s"]).groupby([timeline[k] for k in ("arm", "worker", "activity")])
    first = every.activities[every.activities["seed"] == 0].set_index(["arm", "worker"])
    for (arm, worker, activity), seconds in spans.sum().items():
        assert seconds == pytest.approx(first.loc[(arm, worker), f"{activity}_s"], abs=1e-9)


@pytest.mark.parametrize("collective", ["ring", "ring_events"])
def test_a_ring_whose_messages_are_sent_shows_in_the_matrix(collective: str) -> None:
    results = gossim.run(scenario(algorithm={"name": "allreduce", "collective": collective}))
    pairs = {(row.sender, row.receiver) for row in results.exchanges.itertuples()}
    assert pairs == ({(0, 1), (1, 2), (2, 3), (3, 0)} if collective == "ring_events" else set())


def test_what_a_worker_that_comes_back_is_given_is_counted_and_between_no_pair() -> None:
    """`allreduce` gives it the common x by a formula."""
    crash = {"name": "crash", "workers": [1, 2], "at_s": 0.45, "back_after_s": 0.3, "parameters": "kept"}
    algorithm = {"name": "allreduce", "collective": "ring_events", "timeout_s": 0.4}
    results = gossim.run(scenario(algorithm=algorithm, faults=[crash], until={"time_s": 4.0}))
    last = results.probes.iloc[-1]
    assert last["messages_sent"] - results.exchanges["messages"].sum() == 2
    assert last["bytes_sent"] - results.exchanges["size_bytes"].sum() == 2 * 40  # parameters of 8 bytes: 5 of them


def test_what_is_sent_again_counts_again() -> None:
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": None, "loss": 0.3, "resend": True}
    results = gossim.run(scenario(network=network, until={"time_s": 3.0}))
    assert results.exchanges["messages"].sum() == results.probes["messages_sent"].iloc[-1]
    assert results.exchanges["messages"].sum() > 1.2 * results.exchanges["merged"].sum()


def test_staleness_of_exchanges_agrees_with_hand_arithmetic() -> None:
    """Two workers that push after every step of 1 s, over a link of 0.1 s: what comes is merged a second after it was
    sent, in which both have taken a step, whoever came first at these instants."""
    arm = only_arm(
        workers=2,
        until={"time_s": 10.0},
        compute={"time_s": 1.0},
        network={"latency_s": 0.1, "bandwidth_bytes_per_s": None},
        algorithm={"name": "gosgd_push", "push_probability": 1.0},
    )
    world = world_of(arm)
    for _ in world.windows(1000, 10**9):
        pass
    assert world.network.exchanges[0, 1].staleness() == (2.0, 1.0)
    assert world.network.exchanges[1, 0].staleness() == (2.0, 1.0)


def test_too_many_pairs_are_told_apart_by_sender() -> None:
    links = [(sender, receiver) for sender in range(4) for receiver in (3, 1, 2, 0)]
    counted: dict[tuple[int, int | None], Exchange] = {
        link: Exchange(2 + sum(link), 10, link[1], 3, link[0]) for link in links
    }
    assert list(by_pair(counted, limit=16)) == sorted(links)
    together = by_pair(counted, limit=15)
    assert list(together) == [(sender, None) for sender in range(4)]
    for sender in range(4):
        own = [exchange for link, exchange in counted.items() if link[0] == sender]
        for name in Exchange.__slots__:
            assert getattr(together[sender, None], name) == sum(getattr(exchange, name) for exchange in own)
    assert total(together.values()) == total(counted.values())
    assert counted[0, 0] == Exchange(2, 10, 0, 3, 0)


@given(sends=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60), limit=st.integers(1, 12))
def test_counting_needs_no_more_than_the_limit(sends: list[tuple[int, int]], limit: int) -> None:
    """And comes to what is found by adding up afterwards."""
    few: dict[Direction, Exchange] = {}
    all_of_them: dict[Direction, Exchange] = {}
    for sender, receiver in sends:
        for exchange in (exchange_of(few, sender, receiver, limit), exchange_of(all_of_them, sender, receiver, 10**9)):
            exchange.messages += 1
            exchange.size_bytes += receiver
    assert len(few) <= limit + len({sender for sender, _ in sends})
    assert list(by_pair(few, limit).items()) == list(by_pair(all_of_them, limit).items())


def test_many_pairs_in_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = scenario(until={"time_s": 3.0})
    apart = gossim.run(small)
    for function in (by_pair, exchange_of):
        monkeypatch.setattr(function, "__defaults__", (3,))
    folded = gossim.run(small, out=tmp_path / "out")
    assert folded.exchanges["receiver"].isna().all()
    pd.testing.assert_series_equal(
        folded.exchanges.groupby("sender")["messages"].sum(), apart.exchanges.groupby("sender")["messages"].sum()
    )
    assert folded.manifest["runs"][0]["staleness_s"] == apart.manifest["runs"][0]["staleness_s"]
    (together,) = staleness(folded.exchanges).to_dict("records")  # of a receiver that is not known
    assert together["merged"] == apart.exchanges["merged"].sum()
    assert together["staleness_s"] == pytest.approx(folded.manifest["runs"][0]["staleness_s"])
    pd.testing.assert_frame_equal(gossim.Results.open(tmp_path / "out").exchanges, folded.exchanges)


def test_runs_of_earlier_versions_are_read(tmp_path: Path) -> None:
    written = gossim.run(scenario(), out=tmp_path)
    for name, columns in LATER.items():
        path = tmp_path / f"{name}.parquet"
        if len(columns) == len(TABLES[name]):
            path.unlink()
        else:
            pd.read_parquet(path).drop(columns=list(columns)).to_parquet(path, index=False)
    again = gossim.Results.open(tmp_path)
    for name, recorded in TABLES.items():
        frame = getattr(again, name)
        assert [str(dtype) for dtype in frame.dtypes] == [column.dtype for column in recorded]
    assert again.exchanges.empty
    assert again.activities.empty
    assert again.timeline["receiver"].isna().all()
    assert again.probes["bytes_carried"].isna().all()
    pd.testing.assert_frame_equal(again.probes, written.probes.assign(bytes_carried=again.probes["bytes_carried"]))
    assert set(again.plot()) == set(FIGURES) - {"time_shares", "gradient_gap", "metrics"}
    pd.read_parquet(tmp_path / "workers.parquet").drop(columns=["busy_s"]).to_parquet(tmp_path / "workers.parquet")
    with pytest.raises(InputError, match=r"workers.parquet does not have the columns"):
        gossim.Results.open(tmp_path)


def test_runs_that_do_not_say_what_was_carried_are_read_and_walked(tmp_path: Path) -> None:
    """The columns of this version alone are missing; the clock that runs again repeats the others."""
    written = gossim.run(scenario(), out=tmp_path)
    new = {"bytes_carried", "utilisation", "up_utilisation", "down_utilisation"}
    for name in ("probes", "exchanges", "activities"):
        path = tmp_path / f"{name}.parquet"
        frame = pd.read_parquet(path)
        frame.drop(columns=[*(new & set(frame.columns))]).to_parquet(path, index=False)
    again = gossim.Results.open(tmp_path)
    assert again.activities["up_utilisation"].isna().all()
    assert again.exchanges["messages"].equals(written.exchanges["messages"])
    again.weights("arm", seed=0)


def test_many_workers_are_shown_as_one() -> None:
    changes: dict[str, Any] = {"workers": 40, "until": {"time_s": 1.0}}
    (axes,) = figure_of(gossim.run(scenario(**changes)), "time_shares").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all 40"]


@pytest.mark.parametrize(
    "own",
    [
        {"name": "adpsgd"},
        {"name": "gosgd_pull", "pull_probability": 0.5},
        {"name": "gosgd_push", "push_probability": 0.5},
        {"name": "dpsgd", "order": "combine_then_adapt"},
        {"name": "easgd", "period": 2, "moving_rate": 0.1},
    ],
    ids=lambda own: own["name"],
)
@pytest.mark.parametrize("latency_s", [0.002, 0.3])
def test_staleness_counts_the_steps_between_sending_and_merging(
    own: dict[str, Any], latency_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted as they happen, event by event: those of one instant in their order."""
    network = {"latency_s": latency_s, "bandwidth_bytes_per_s": 1e5, "sharing": "fair"}
    world = world_of(only_arm(algorithm=own, network=network, until={"time_s": 20.0}), stepwise=True)
    sent: dict[Any, int] = {}
    ages: list[int] = []
    send, merged = world.network.send, world.network.merged

    def sending(message: Any, *arguments: Any, **more: Any) -> None:
        sent[message] = world.gradient_steps
        send(message, *arguments, **more)

    def merging(message: Any) -> None:
        ages.append(world.gradient_steps - sent[message])
        merged(message)

    monkeypatch.setattr(world.network, "send", sending)
    monkeypatch.setattr(world.network, "merged", merging)
    for _ in world.windows(10**9, 10**9):
        pass
    steps, _ = world.staleness()
    assert len(ages) > 50
    assert steps == pytest.approx(sum(ages) / len(ages), abs=1e-9)
