"""Workers that fail, and what becomes of the weight, the rows, the rounds and the answers that were waited for."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gossim
from gossim import theory
from gossim.cluster.faults import Availability, Churn, Crash, Outage, outages_of
from gossim.errors import RunError, ScenarioError
from gossim.execute.reference import Reference
from gossim.problems.build import build
from gossim.sim.traffic import total
from gossim.sim.world import World
from gossim.testing import trajectory
from support.algorithms import KEPT_ROWS, UNRELIABLE, WEIGHTED, reliable_enough
from support.clusters import failing_clusters
from support.present import present
from support.scenarios import CPU, only_arm, scenario, world_of

MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
FREE = {"latency_s": 0.0, "bandwidth_bytes_per_s": None}
FOREVER = {"parameters": None, "back_after_s": None}


def crash(worker: int, at_s: float, back_after_s: float | None = None, parameters: str | None = None) -> dict[str, Any]:
    return {
        "name": "crash",
        "workers": [worker],
        "at_s": at_s,
        "back_after_s": back_after_s,
        "parameters": parameters,
    }


def steps_of(world: World) -> list[int]:
    for _ in world.windows(10**6, 10**9):
        pass
    return [worker.steps for worker in world.workers]


@pytest.mark.parametrize("name", WEIGHTED)
@settings(MANY, max_examples=30)
@given(cluster=failing_clusters(until_s=1.5), probability=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_the_ledger_balances_at_every_event(name: str, cluster: dict[str, Any], probability: float, seed: int) -> None:
    """Workers + in flight + lost = 1, as fractions, under loss, crashes, churn and partitions at once."""
    algorithm = {key: probability if key.endswith("probability") else value for key, value in UNRELIABLE[name].items()}
    arm = only_arm(algorithm=algorithm, **reliable_enough(name, cluster))
    world = world_of(arm, seed, one=Fraction(1))
    try:
        while not world.finished:
            world.clock.step()
            held = sum(worker.alpha for worker in world.workers)
            assert held + world.alpha_in_flight() + world.network.alpha_lost == Fraction(1)
            assert all(worker.alpha >= 0 for worker in world.workers)
            assert all(not worker.alpha for worker in world.workers if worker.gone)
    except RunError as error:
        assert "every worker is down" in str(error)


@pytest.mark.parametrize("name", sorted(UNRELIABLE))
def test_rows_do_not_leak_when_workers_crash(name: str) -> None:
    """Rows in use at the end are those of workers, optimizers and messages, after more than a hundred crashes."""
    cluster = {
        "workers": 4,
        "until": {"time_s": 20.0},
        "optimizer": {"learning_rate": 0.0, "momentum": 0.5},
        "faults": [{"name": "churn", "mean_up_s": 0.5, "mean_down_s": 0.1, "parameters": "fetched"}],
        "network": {"latency_s": 0.05, "bandwidth_bytes_per_s": 1e5, "loss": 0.2, "sharing": "fifo"},
        "probe": {"every_s": 100.0},
    }
    arm = only_arm(algorithm=UNRELIABLE[name], **reliable_enough(name, cluster))
    world = world_of(arm)
    for _ in world.windows(1, 1):
        pass
    rows = world.program.rows
    # Parameters, velocity, a gradient or a mean, one that arrived in a round, what the algorithm keeps; x0; the row of
    # a round's mean.
    each = 4 + KEPT_ROWS.get(name, 0)
    in_flight = sum(len(message.rows) for message in world.network.in_flight)
    assert sum(holders > 0 for holders in rows.holders) <= each * (arm.workers + len(world.servers)) + 2 + in_flight
    assert in_flight < 100
    assert len(rows) < 60


def test_a_round_without_failures_has_no_use_for_a_timeout() -> None:
    common = {"until": {"gradient_steps": 80}, "network": FREE}
    patient = trajectory(only_arm(algorithm={"name": "allreduce"}, **common))
    limited = trajectory(only_arm(algorithm={"name": "allreduce", "timeout_s": 100.0}, **common))
    assert patient[1] == limited[1]
    assert all(map(torch.equal, patient[2], limited[2]))


def test_gossip_goes_on_by_hand() -> None:
    """Steps of 0.1 s; worker 2 is down from 1.05 s to 2 s: its gradient is lost, and it begins anew at 2 s."""
    for name in ("gosgd_push", "sgd"):
        arm = only_arm(
            algorithm=UNRELIABLE[name],
            compute={"time_s": 0.1},
            network=FREE,
            until={"time_s": 3.05},
            faults=[crash(2, 1.05, 0.95, "kept")],
        )
        assert steps_of(world_of(arm)) == [30, 30, 20, 30]


def test_the_time_of_a_failure_is_accounted_for() -> None:
    arm = only_arm(
        algorithm=UNRELIABLE["sgd"],
        compute={"time_s": 0.1},
        until={"time_s": 3.0},
        faults=[crash(1, 1.05, 0.95, "kept")],
    )
    world, facts, _ = trajectory(arm, timeline_limit=1000)
    down = [i for i in world.timeline.intervals if i.activity == "down"]
    assert [(i.worker, i.start_s, i.end_s) for i in down] == [(1, 1.05, 2.0)]
    assert facts[-1].workers[1].busy_s == pytest.approx(2.05)
    assert facts[-1].workers[1].waiting_s == pytest.approx(0.95)
    assert [probe.workers[1].takes_part for probe in facts] == [not 1.05 <= probe.time_s < 2.0 for probe in facts]


def test_the_weight_of_a_worker_that_is_gone_is_lost() -> None:
    arm = only_arm(algorithm=UNRELIABLE["gosgd_push"], until={"time_s": 3.0}, faults=[crash(3, 0.0)])
    _, facts, _ = trajectory(arm)
    assert facts[1].alpha_lost >= 0.25
    lost = [probe.alpha_lost for probe in facts]
    assert lost == sorted(lost)
    assert lost[-1] > lost[1], "what is pushed to it is lost too"


@pytest.mark.parametrize("parameters", ["kept", "reset", "fetched"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_with_which_parameters_a_worker_comes_back(parameters: str, momentum: float) -> None:
    """Nobody talks; when worker 1 comes back, its x is its own, the first, or worker 0's as it answered."""
    arm = only_arm(
        algorithm={"name": "gosgd_push", "push_probability": 0.0},
        workers=2,
        compute={"time_s": 0.1},
        network={"latency_s": 0.12, "bandwidth_bytes_per_s": None},
        until={"time_s": 2.0},
        probe={"every_s": 0.05},
        optimizer={"learning_rate": 0.1, "momentum": momentum},
        faults=[crash(1, 0.52, 0.5, parameters)],
    )
    world, facts, rows = trajectory(arm)
    by_time = {round(fact.time_s, 9): row for fact, row in zip(facts, rows, strict=True)}
    problem = build(present(arm.problem), 2, 0, "float64", CPU)
    began_s = 1.02 + (0.24 if parameters == "fetched" else 0.0)
    before = by_time[round(math.ceil(began_s * 20) / 20, 9)][1]
    if parameters == "kept":
        expected = by_time[0.6][1]
    elif parameters == "reset":
        expected = problem.initial()
    else:
        expected = by_time[1.15][0]  # the request comes at 1.14 s
    torch.testing.assert_close(before, expected, rtol=0, atol=1e-12)
    # The next step, at began_s + 0.1, is one along the gradient there, with the velocity only if that was kept.
    after = by_time[round(math.ceil((began_s + 0.1) * 20) / 20, 9)][1]
    gradient = problem.gradient(before, 1, 6)
    if parameters == "kept" and momentum:
        velocity = torch.zeros_like(gradient)
        x = problem.initial()
        for step in range(5):
            velocity = momentum * velocity + problem.gradient(x, 1, step)
            x = x - 0.1 * velocity
        gradient = gradient + momentum * velocity
    torch.testing.assert_close(after, before - 0.1 * gradient, rtol=1e-12, atol=1e-12)
    alphas = [worker.alpha for worker in facts[-1].workers]
    assert alphas == ([0.25, 0.25] if parameters == "fetched" else [0.5, 0.5])
    assert facts[-1].alpha_lost == (0.5 if parameters == "fetched" else 0.0)
    assert world.network.messages_sent == (parameters == "fetched")


def synchronous(**sections: Any) -> Any:
    timeout_s = sections.pop("timeout_s", None)
    more = sections.pop("algorithm", {})
    return only_arm(
        **{
            "algorithm": {"name": "allreduce", "timeout_s": timeout_s, **more},
            "compute": {"time_s": 0.1},
            "network": FREE,
            "until": {"time_s": 2.05},
            **sections,
        }
    )


def test_a_synchronous_round_waits_for_who_comes_back() -> None:
    """Down from 0.55 to 1.25 s: the round of 0.6 s ends at 1.25 s, without its gradient, and then there are 8 more."""
    world = world_of(synchronous(faults=[crash(2, 0.55, 0.7, "kept")]))
    assert steps_of(world) == [14, 14, 13, 14]


def test_a_synchronous_round_goes_on_when_its_time_is_up() -> None:
    """Rounds of 0.1 s; the sixth waits until 0.6 + 0.3 s, and the next ones for three only; back in at 1.6 s."""
    world = world_of(synchronous(timeout_s=0.3, faults=[crash(2, 0.55, 1.0, "kept")]))
    # By 0.9 s six rounds; 0.9 to 2.0 s eleven more; worker 2 joins at the end of the round of 1.55 s, at 1.6 s.
    assert steps_of(world) == [17, 17, 5 + 4, 17]


@pytest.mark.parametrize("parameters", ["kept", "reset", "fetched"])
@pytest.mark.parametrize("timeout_s", [None, 0.25])
def test_synchronous_workers_are_at_one_x_whoever_fails(parameters: str, timeout_s: float | None) -> None:
    """At the end of every instant, all that take part have the same parameters and the same velocity, to the bit."""
    arm = synchronous(
        timeout_s=timeout_s,
        faults=[{"name": "churn", "mean_up_s": 1.0, "mean_down_s": 0.3, "parameters": parameters}],
        until={"time_s": 20.0},
        compute={"time_s": {"distribution": "expon", "scale": 0.1}},
        network={"latency_s": 0.01, "bandwidth_bytes_per_s": 1e4, "sharing": "none"},
        optimizer={"learning_rate": 0.05, "momentum": 0.5},
    )
    world = world_of(arm)
    reference = Reference(build(present(arm.problem), 4, 0, "float64", CPU), lambda rows, facts: None)
    instants = 0
    while not world.finished:
        world.clock.step()
        reference.run(world.program.take())
        group: Any = next(iter(world.allreduces.by_members.values()), None)
        if world.clock.peek() > world.clock.now and group is not None:
            instants += 1
            for rows in ([w.row for w in group.settled], [w.optimizer.state[0] for w in group.settled if w.optimizer]):
                assert len({reference.rows[row].numpy().tobytes() for row in rows}) <= 1
    assert instants > 200
    assert min(worker.steps for worker in world.workers) > 5


@MANY
@given(cluster=failing_clusters(), seed=st.integers(0, 2**32), data=st.data())
def test_however_rounds_are_closed_all_stay_at_one_x(cluster: dict[str, Any], seed: int, data: st.DataObject) -> None:
    """Formulas and messages, with and without backup and timeout: no deadlock, and one x after every instant."""
    cluster["network"] |= {"resend": True}
    cluster["faults"] = [fault for fault in cluster["faults"] if fault.get("parameters")]
    collective = data.draw(st.sampled_from(["ring", "ring_events", "tree"]))
    if collective != "ring_events":
        cluster["network"] |= {"loss": None, "partitions": [], "jitter_s": None}
    backup = data.draw(st.integers(0, cluster["workers"] - 1))
    timeout_s = data.draw(st.sampled_from([None, 0.05, 0.4]))
    arm = only_arm(
        algorithm={"name": "allreduce", "collective": collective, "backup": backup, "timeout_s": timeout_s}, **cluster
    )
    world = world_of(arm, seed)
    reference = Reference(build(present(arm.problem), arm.workers, 0, "float64", CPU), lambda rows, facts: None)
    while not world.finished:
        world.clock.step()
        reference.run(world.program.take())
        group: Any = next(iter(world.allreduces.by_members.values()), None)
        if group is not None and world.clock.peek() > world.clock.now:
            assert len({reference.rows[worker.row].numpy().tobytes() for worker in group.settled}) <= 1


def test_a_run_stops_and_says_who_is_waited_for() -> None:
    message = r"at 0.6 s workers 0, 1, 3 wait for worker 2, down for good: give the algorithm a timeout_s"
    with pytest.raises(RunError, match=message):
        steps_of(world_of(synchronous(faults=[crash(2, 0.55)])))
    # With a backup worker nobody need wait: first for worker 3, which takes 0.101 s, and then for worker 2.
    compute = {"time_s": 0.1, "stragglers": [{"workers": [3], "factor": 1.01}]}
    spared = synchronous(faults=[crash(2, 0.55)], algorithm={"backup": 1}, compute=compute)
    assert steps_of(world_of(spared)) == [20, 20, 5, 15]
    assert steps_of(world_of(synchronous(faults=[crash(2, 0.55)], timeout_s=0.1))) == [19, 19, 5, 19]
    with pytest.raises(RunError, match=r"at 0.6 s every worker is down, and none comes back"):
        steps_of(world_of(synchronous(faults=[crash(m, 0.5 if m else 0.6) for m in range(4)], timeout_s=0.1)))


def test_what_is_left_of_a_ring_is_a_smaller_ring() -> None:
    arm = synchronous(faults=[crash(2, 0.0)], timeout_s=0.1, network={"latency_s": 0.05, "bandwidth_bytes_per_s": None})
    _, facts, _ = trajectory(arm)
    # The first round closes at 0.2 s; each then takes 0.1 s and 2(3 − 1) latencies: 0.4 s, 0.7 s, …, 1.9 s.
    assert facts[-1].gradient_steps == 3 * 6
    assert facts[-1].messages_sent == 7 * 2 * 2 * 3


def test_an_answer_that_is_lost_is_waited_for_no_longer_than_said() -> None:
    """The other worker is down for good: each of its pulls costs worker 0 a step of 0.1 s and 0.3 s of waiting."""
    arm = only_arm(
        algorithm={"name": "gosgd_pull", "pull_probability": 1.0, "timeout_s": 0.3},
        workers=2,
        compute={"time_s": 0.1},
        network=FREE,
        until={"time_s": 4.05},
        faults=[crash(1, 0.0)],
    )
    assert steps_of(world_of(arm)) == [10, 0]


def test_a_late_answer_is_merged_all_the_same() -> None:
    """Answers take 0.5 s and are waited for 0.2 s: all but the last ones are merged, and no weight is lost."""
    arm = only_arm(
        algorithm={"name": "gosgd_pull", "pull_probability": 0.5, "timeout_s": 0.2},
        network={"latency_s": 0.25, "bandwidth_bytes_per_s": None},
        until={"time_s": 30.0},
    )
    world = world_of(arm)
    steps_of(world)
    merged = total(world.network.exchanges.values()).merged
    assert merged > 200
    assert world.network.messages_sent - merged == len(world.network.in_flight) < 20
    assert sum(worker.alpha for worker in world.workers) + world.alpha_in_flight() == pytest.approx(1)


def test_what_was_not_out_when_its_sender_crashed_is_lost() -> None:
    """A push takes 1 s to leave, and the sender is down at 0.35 s: three pushes queue, and none arrives."""
    common = {
        "algorithm": {"name": "gosgd_push", "push_probability": 1.0},
        "workers": 2,
        "compute": {"time_s": 0.1, "stragglers": [{"workers": [1], "factor": 1000}]},
        "until": {"time_s": 10.0},
    }
    for sharing in ("none", "fifo", "fair"):
        network = {"latency_s": 0.0, "bandwidth_bytes_per_s": 800.0, "sharing": sharing}
        world = world_of(only_arm(**common, network=network, faults=[crash(0, 0.35)]))
        steps_of(world)
        assert (world.network.messages_sent, world.network.messages_lost) == (3, 3)
        assert world.network.alpha_lost == 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_churn_is_down_for_its_stationary_share(seed: int) -> None:
    law, end_s = Churn(mean_up_s=3.0, mean_down_s=1.0, parameters="kept"), 60_000.0
    down_s = 0.0
    for outage in law.outages(seed, 0, 0):
        if outage.down_s > end_s:
            break
        down_s += min(outage.up_s, end_s) - outage.down_s
    error = theory.slow_share_deviation(3.0, 1.0, end_s)
    assert down_s / end_s == pytest.approx(theory.down_share(3.0, 1.0), abs=5 * error)


def test_outages_that_overlap_are_one() -> None:
    faults = [
        Crash(workers=(0,), at_s=1.0, back_after_s=2.0, parameters="kept"),
        Crash(workers=(0,), at_s=2.0, back_after_s=3.0, parameters="reset"),
        Crash(workers=(0, 1), at_s=9.0, back_after_s=1.0, parameters="kept"),
        Crash(workers=(0,), at_s=10.0),
    ]
    assert list(outages_of(faults, 0, 0, 2)) == [Outage(1.0, 5.0, "reset"), Outage(9.0, math.inf, "kept")]
    assert list(outages_of(faults, 0, 1, 2)) == [Outage(9.0, 10.0, "kept")]


def test_outages_are_read_from_a_file_in_order(tmp_path: Path) -> None:
    path = tmp_path / "outages.csv"
    path.write_text("worker,down_s,up_s\n1,5,6\n1,2,3.5\n7,0,\n")
    fault = Availability(file=str(path), parameters="kept")
    assert list(outages_of([fault], 0, 1, 8)) == [Outage(2.0, 3.5, "kept"), Outage(5.0, 6.0, "kept")]
    assert list(outages_of([fault], 0, 7, 8)) == [Outage(0.0, math.inf, "kept")]
    assert not list(outages_of([fault], 0, 0, 8))
    for content, message in [
        ("worker,down_s\n1,5\n", "has no column 'up_s'"),
        ("worker,down_s,up_s\n1,5,4\n", r"line 2: up_s = '4': must be above down_s, '5'"),
        ("worker,down_s,up_s\n1,-5,4\n", r"line 2: down_s = '-5': must be a number of seconds >= 0"),
        ("worker,down_s,up_s\none,5,6\n", r"line 2: worker = 'one': must be a whole number"),
    ]:
        other = tmp_path / f"{abs(hash(content))}.csv"
        other.write_text(content)
        with pytest.raises(ScenarioError, match=message):
            scenario(faults=[{"name": "availability", "file": str(other), "parameters": "kept"}])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"name": "crush", "at_s": 1}, "faults.0.name = crush: unknown name; did you mean 'crash'"),
        ({"name": "crash", "at_s": 1}, "faults.0 = .*: must have workers or fraction"),
        ({"name": "crash", "workers": [4], "at_s": 1}, "faults.0.workers.0 = 4: must be below 4"),
        ({"name": "crash", "workers": [0], "at_s": -1}, "faults.0.at_s = -1.*: must be >= 0"),
        (
            {"name": "crash", "workers": [0], "at_s": 1, "back_after_s": 2},
            r"must have both back_after_s and parameters \(kept, reset, fetched\), or neither",
        ),
        (
            {"name": "crash", "workers": [0], "at_s": 1, "back_after_s": 2, "parameters": "fetch"},
            "faults.0.parameters = fetch: unknown way to come back; did you mean 'fetched'",
        ),
        ({"name": "churn", "mean_up_s": 1, "mean_down_s": 0, "parameters": "kept"}, "mean_down_s = 0.*: must be >= 1e"),
        ({"name": "churn", "mean_up_s": 1, "mean_down_s": 1}, "faults.0.parameters: is required"),
    ],
)  # fmt: skip
def test_impossible_faults_are_refused(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario(faults=[fault])


def test_an_arm_with_fewer_workers_keeps_the_faults_that_concern_it() -> None:
    parsed = gossim.Scenario.parse(
        {
            **scenario().to_data(),
            "faults": [{"name": "crash", "workers": [0, 3], "at_s": 1}],
            "arms": {"two": {"algorithm": {"name": "sgd"}, "workers": 2}},
        }
    )
    assert parsed.arms["two"].faults == (Crash(workers=(0,), at_s=1.0),)
    assert gossim.Scenario.parse(parsed.to_data()) == parsed


@pytest.mark.parametrize(
    "option",
    [
        {"loss": 0.3},
        {"sharing": "fifo"},
        {"sharing": "fair"},
        {"resend": True, "loss": 0.1},
        {"jitter_s": {"distribution": "expon", "scale": 0.01}},
        {"bandwidth_bytes_per_s": {"up": 1e4, "down": {"distribution": "expon", "scale": 1e4}}, "sharing": "none"},
        {"partitions": [{"from_s": 0.2, "until_s": 0.5, "groups": [[0, 1], [2, 3]]}]},
    ],
)
def test_a_network_option_changes_no_compute_time(option: dict[str, Any]) -> None:
    """The k-th gradient of a worker that never waits takes the same time, and so begins at the same instant."""
    computing = []
    for network in ({}, option):
        arm = only_arm(
            until={"time_s": 3.0},
            network={"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "none", **network}
        )  # fmt: skip
        world = world_of(arm, timeline_limit=10**6)
        steps_of(world)
        computing.append([i for i in world.timeline.intervals if i.activity == "computing"])
    assert computing[0] == computing[1]


def test_a_worker_on_its_way_back_has_no_part_in_the_mean() -> None:
    """Up again at 1.05 s, it joins at the end of the round, at 1.21 s: until then it is at another x."""
    slow = {"time_s": 0.4, "stragglers": []}
    _, facts, rows = trajectory(
        synchronous(faults=[crash(1, 0.45, 0.6, "reset")], timeout_s=0.01, compute=slow, probe={"every_s": 0.1})
    )
    joined_s = 0.4 + (0.4 + 0.01) + 0.4
    for fact, row in zip(facts, rows, strict=True):
        assert fact.workers[1].takes_part == (not 0.45 <= fact.time_s < joined_s), fact.time_s
        present = row[fact.participants]
        assert torch.equal(present, present[:1].expand_as(present))


def test_probes_leave_out_who_is_down() -> None:
    """The mean and the distances are of those that are up: the others' x would pull them away."""
    results = gossim.run(
        scenario(
            algorithm={"name": "sgd"},
            problem={"model": {"name": "quadratic", "dim": 5}},
            until={"time_s": 2.0},
            faults=[crash(0, 0.05)],
        )
    )
    last = results.probes.iloc[-1]
    own = results.workers[results.workers["time_s"] == last["time_s"]].set_index("worker")["distance"]
    assert math.isnan(own[0])
    assert last["consensus_distance"] == pytest.approx(own[1:].mean())
    alone = gossim.run(scenario(algorithm={"name": "sgd"}, problem={"model": {"name": "quadratic", "dim": 5}}))
    assert np.isfinite(alone.workers["distance"]).all()


def test_weights_do_not_vanish_however_much_is_lost() -> None:
    """Every second message is lost, for five thousand rounds: 2⁻¹⁰⁷⁴ would be passed, and the ratios are what they are
    as fractions."""
    arm = only_arm(
        algorithm={"name": "gosgd_push", "push_probability": 1.0},
        compute={"time_s": 0.1},
        network={"latency_s": 0.001, "bandwidth_bytes_per_s": None, "loss": 0.5},
        until={"time_s": 500.0},
        probe={"every_s": 1e6},
    )
    floats, fractions = world_of(arm, learns=False), world_of(arm, learns=False, one=Fraction(1))
    for world in (floats, fractions):
        steps_of(world)
    true = [worker.alpha for worker in fractions.workers]
    assert 0 < sum(true) < Fraction(1, 2**1100)
    for worker, exact in zip(floats.workers, true, strict=True):
        assert worker.alpha / sum(w.alpha for w in floats.workers) == pytest.approx(float(exact / sum(true)), rel=1e-9)
    assert floats.network.alpha_lost == pytest.approx(1.0)


@pytest.mark.parametrize("parameters", ["kept", "reset"])
def test_when_all_are_down_at_once_nobody_has_the_common_x(parameters: str) -> None:
    """Synchronous workers that come back from nothing begin where the fault says."""
    faults = [{**crash(m, 1.05, 0.2 + m / 100, parameters)} for m in range(4)]
    _, facts, rows = trajectory(
        synchronous(faults=faults, probe={"every_s": 0.05}, optimizer={"learning_rate": 0.1, "momentum": 0.9})
    )
    by_time = {round(fact.time_s, 9): row for fact, row in zip(facts, rows, strict=True)}
    start = build(synchronous().problem, 4, 0, "float64", CPU).initial()
    expected = start if parameters == "reset" else by_time[1.05][0]
    assert torch.equal(by_time[1.3][0], expected)
    assert not torch.equal(by_time[1.5][0], expected)


def test_who_is_on_the_way_back_answers_nobody() -> None:
    """Worker 1 asks for parameters for a second; what is asked of it meanwhile is not answered."""
    arm = only_arm(
        algorithm={"name": "gosgd_pull", "pull_probability": 1.0, "timeout_s": 0.5},
        workers=2,
        compute={"time_s": 0.1},
        network={"latency_s": 0.4, "bandwidth_bytes_per_s": None},
        until={"time_s": 1.75},
        faults=[crash(1, 0.05, 1.0, "fetched")],
    )
    world = world_of(arm, timeline_limit=1000)
    steps_of(world)
    answers = [i for i in world.timeline.intervals if i.activity == "message" and i.worker == 1]
    assert not answers


def test_outages_without_end_are_told() -> None:
    churn = {"name": "churn", "mean_up_s": 0.001, "mean_down_s": 100.0, "parameters": "kept"}
    with pytest.raises(RunError, match=r"worker \d: its outages overlap without end"):
        world_of(only_arm(faults=[churn] * 3, until={"gradient_steps": 10}))
    steps_of(world_of(only_arm(algorithm={"name": "sgd"}, faults=[churn] * 3, until={"time_s": 10.0})))
