"""How long things take, to the tick: ties, ends, messages."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest

from gossim.algorithms import Algorithm
from gossim.errors import RunError
from gossim.program import Probe
from gossim.sim.clock import Clock
from gossim.sim.probe_facts import Facts
from gossim.sim.world import World
from gossim.units import ticks
from support.scenarios import only_arm, world_of

STEADY = {"time_s": 0.1}


def probes_of(world: World) -> list[Facts]:
    return [op.facts for ops in world.windows(1000, 10**9) for op in ops if isinstance(op, Probe)]


@pytest.mark.parametrize(
    ("time_s", "until_s", "every_s"),
    [(0.1, 0.3, 0.1), (0.1, 60.0, 0.3), (0.2, 0.6, 0.6), (0.6, 60.0, 7.2), (0.7, 30.1, 0.7), (0.07, 2.0, 0.5)],
)
def test_steps_that_end_with_the_run_or_a_probe_are_taken(time_s: float, until_s: float, every_s: float) -> None:
    """Sums of decimal fractions are no decimal fractions in floating point; by the clock, they are."""
    arm = only_arm(
        algorithm={"name": "sgd"},
        compute={"time_s": time_s},
        until={"time_s": until_s},
        probe={"every_s": every_s},
    )
    for facts in probes_of(world_of(arm)):
        assert facts.gradient_steps == arm.workers * math.floor(facts.time_s / time_s + 1e-9)


@pytest.mark.parametrize("collective_s", [0.0, 0.05])
def test_synchronous_rounds_of_constant_times(collective_s: float) -> None:
    arm = only_arm(
        algorithm={"name": "allreduce"},
        compute=STEADY,
        until={"time_s": 6.0},
        probe={"every_s": 0.3},
        network={"latency_s": collective_s / 6, "bandwidth_bytes_per_s": None},
    )
    for facts in probes_of(world_of(arm)):
        rounds = int(round(facts.time_s * 1000) // round((0.1 + collective_s) * 1000))
        assert facts.gradient_steps == 4 * rounds


def only_messages(arm: Any, size_bytes: int) -> World:
    world = World(arm, arm.algorithm, 0, size_bytes, 400, timeline_limit=10**6)
    probes_of(world)
    return world


def test_a_pushed_message_takes_latency_and_transfer() -> None:
    arm = only_arm(
        algorithm={"name": "gosgd_push", "push_probability": 0.5},
        network={"latency_s": 0.03, "bandwidth_bytes_per_s": 1e4, "sharing": "none"},
    )
    messages = [i for i in only_messages(arm, 800).timeline.intervals if i.activity == "message"]
    assert len(messages) > 100
    assert [i.end_s - i.start_s for i in messages] == pytest.approx([0.03 + 800 / 1e4] * len(messages), abs=1e-11)


def test_a_pull_waits_for_two_latencies_and_one_transfer() -> None:
    arm = only_arm(
        algorithm={"name": "gosgd_pull", "pull_probability": 0.5},
        network={"latency_s": 0.03, "bandwidth_bytes_per_s": 1e4, "sharing": "none"},
    )
    intervals = only_messages(arm, 800).timeline.intervals
    waits = [i.end_s - i.start_s for i in intervals if i.activity == "waiting" and i.end_s < 5]
    answers = [i.end_s - i.start_s for i in intervals if i.activity == "message"]
    assert len(waits) > 50
    assert waits == pytest.approx([2 * 0.03 + 0.08] * len(waits), abs=1e-11)
    assert answers == pytest.approx([0.03 + 0.08] * len(answers), abs=1e-11)


def test_the_way_there_and_back_have_latencies_of_their_own() -> None:
    arm = only_arm(
        workers=2,
        algorithm={"name": "gosgd_pull", "pull_probability": 1.0},
        network={"latency_s": {"distribution": "expon", "scale": 0.1}, "bandwidth_bytes_per_s": None},
    )
    world = only_messages(arm, 800)
    there, back = world.network.latency_s(0, 1), world.network.latency_s(1, 0)
    assert there != back
    for interval in world.timeline.intervals:
        if interval.activity == "message":
            expected = back if interval.worker == 1 else there
            assert interval.end_s - interval.start_s == pytest.approx(expected, abs=1e-11)


def sending_s(collective: str, **network: Any) -> tuple[World, float]:
    """The world and how long its collectives lasted, all alike."""
    network = {
        "latency_s": {"distribution": "expon", "scale": 0.1},
        "bandwidth_bytes_per_s": 1e6,
        "sharing": "none",
        **network,
    }
    world = only_messages(
        only_arm(workers=5, algorithm={"name": "allreduce", "collective": collective}, network=network), 5000
    )
    sending = [i.end_s - i.start_s for i in world.timeline.intervals if i.activity == "sending" and i.end_s < 15]
    assert len(sending) > 30
    assert sending == pytest.approx([sending[0]] * len(sending), abs=1e-10)
    return world, sending[0]


def test_a_ring_pays_for_the_mean_of_its_links() -> None:
    world, lasted_s = sending_s("ring")
    latencies = [world.network.latency_s(m, (m + 1) % 5) for m in range(5)]
    assert len(set(latencies)) == 5
    assert lasted_s == pytest.approx(8 * sum(latencies) / 5 + 8 / 5 * 5000 / 1e6, abs=1e-10)


def test_a_ring_of_events_is_as_slow_as_its_longest_chain() -> None:
    """A chunk waits for the one before: 2p − 2 links in a row, every link twice but for two neighbours, once each."""
    world, lasted_s = sending_s("ring_events")
    links = [world.network.latency_s(m, (m + 1) % 5) + 1000 / 1e6 for m in range(5)]
    longest = 2 * sum(links) - min(links[m] + links[(m + 1) % 5] for m in range(5))
    assert lasted_s == pytest.approx(longest, abs=1e-10)


def test_on_a_uniform_network_the_events_cost_what_the_formula_says() -> None:
    assert sending_s("ring_events", latency_s=0.01)[1] == pytest.approx(sending_s("ring", latency_s=0.01)[1], abs=1e-10)


def test_probes_at_the_end_and_between() -> None:
    arm = only_arm(algorithm={"name": "sgd"}, until={"time_s": 1.0}, probe={"every_s": 0.4})
    assert [facts.time_s for facts in probes_of(world_of(arm))] == [0.0, 0.4, 0.8, 1.0]
    arm = only_arm(algorithm={"name": "sgd"}, until={"time_s": 1.2}, probe={"every_s": 0.4})
    assert [facts.time_s for facts in probes_of(world_of(arm))] == [0.0, 0.4, 0.8, 1.2]
    counted = only_arm(algorithm={"name": "sgd"}, compute=STEADY, until={"gradient_steps": 32}, probe={"every_s": 0.4})
    facts = probes_of(world_of(counted))
    assert [fact.time_s for fact in facts] == [0.0, 0.4, 0.8]
    assert facts[-1].gradient_steps == 32


def test_negative_and_non_finite_durations_are_refused() -> None:
    assert ticks(0.3) == 3 * ticks(0.1)
    for seconds in (-1.0, float("inf"), float("nan")):
        with pytest.raises(RunError, match="is not a duration"):
            ticks(seconds)
    arm = only_arm(compute={"time_s": {"distribution": "gamma", "a": 1e-9}})
    with pytest.raises(RunError, match=r"gamma drew 0.0, which is not a duration"):
        probes_of(world_of(arm))


class Stuck(Algorithm):
    """Waits for what nobody will do."""

    name: Literal["stuck"] = "stuck"

    def worker(self, w: Any) -> Any:
        yield w.context.clock.event()


def test_a_deadlock_is_told() -> None:
    arm = only_arm().model_copy(update={"algorithm": Stuck()})
    with pytest.raises(
        RunError, match="at 0 s every worker waits and nothing is left to happen: the algorithm 'stuck'"
    ):
        probes_of(world_of(arm))


def test_events_of_one_instant_have_a_fixed_order() -> None:
    clock, order = Clock(), []
    clock.after_all(1.0, lambda: order.append("last"))

    def first() -> None:
        order.append("first")
        clock.after(0.0, lambda: order.append("then"))

    clock.after(1.0, first)
    while clock.peek() < float("inf"):
        clock.step()
    assert order == ["first", "then", "last"]
