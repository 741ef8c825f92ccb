"""Collectives over the links that they use: as formulas, and as messages that are really sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import gossim
from gossim.cluster.collectives import COLLECTIVES, AnyCollective, Collective, Link
from gossim.errors import ScenarioError
from gossim.sim.world import World
from gossim.testing import check_executors
from support.ledger import ledger
from support.present import present
from support.scenarios import only_arm, scenario, world_of

IN_ROUNDS: dict[str, dict[str, Any]] = {
    "ring": {},
    "tree": {},
    "recursive_doubling": {},
    "rabenseifner": {},
    "hierarchical": {"group_size": 2},
    "parameter_server": {},
}
NETWORK = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e4, "sharing": "fair"}
TWO_LEVELS = {
    "latency_s": 0.0,
    "bandwidth_bytes_per_s": {"regions": [[*range(8)], [*range(8, 16)]], "within": 300e9, "between": 12e9},
    "sharing": "fair",
    "message_bytes": 14 * 10**9,
}


def collective(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **IN_ROUNDS[name], **more}


def run(collective: Any, workers: int = 4, compute_s: Any = 0.1, rounds: int = 3, **sections: Any) -> World:
    arm = only_arm(
        algorithm={"name": "allreduce", "collective": collective, "reduction_s_per_byte": 1e-5},
        workers=workers,
        compute={"time_s": compute_s},
        until={"gradient_steps": rounds * workers},
        probe={"every_s": 1e6},
        **{"network": NETWORK, "problem": "none", "optimizer": None, **sections},
    )
    world = world_of(arm, message_bytes=present(arm.network).message_bytes or 800, learns=False)
    list(world.windows(10**6, 10**9))
    return world


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        (name, workers)
        for name in sorted(IN_ROUNDS)
        for workers in (2, 3, 4, 6, 8)
        if (name, workers) != ("hierarchical", 3)
    ],
)
def test_messages_take_what_the_formula_says_where_links_are_alike(name: str, workers: int) -> None:
    """And are as many, of as many bytes. `hierarchical` among 3 has groups of 2 and 1, which do not go in step.

    The root of a tree sends its next message when the last is out. Among 3 or 6 workers no path from it has as many
    hops as there are rounds, and one latency less passes than the formula counts.
    """
    network = NETWORK | {"message_bytes": 800, "message_overhead_s": 0.002}
    plain = run(collective(name), workers, network=network)
    sent = run(collective(name, events=True), workers, network=network)
    assert sent.network.messages_sent == plain.network.messages_sent
    assert sent.network.bytes_sent == plain.network.bytes_sent
    assert sent.network.bytes_carried == pytest.approx(plain.network.bytes_carried)
    earlier_s = 3 * 0.012 if name == "tree" and workers in (3, 6) else 0.0
    assert sent.clock.now_s == pytest.approx(plain.clock.now_s - earlier_s, rel=1e-9)


@pytest.mark.parametrize("sharing", ["none", "fifo", "fair"])
@pytest.mark.parametrize("name", sorted(IN_ROUNDS))
def test_formulas_use_the_links_that_they_use(name: str, sharing: str) -> None:
    """Where pairs have rates, the formula is what the messages take; with one rate for all, what it always was."""
    nodes = 5 if name == "parameter_server" else 4
    network = {
        "latency_s": {"regions": [[0, 1], [2, 3, 4][: nodes - 2]], "within_s": 0.002, "between_s": 0.03},
        "bandwidth_bytes_per_s": {"regions": [[0, 1], [2, 3, 4][: nodes - 2]], "within": 5e4, "between": 4e3},
        "sharing": sharing, "message_bytes": 800,
    }  # fmt: skip
    plain, sent = (run(collective(name, events=events), network=network) for events in (False, True))
    # 4,000 a second to and from the other region: 0.23 s each way, and 32 ms to add up 4 × 800 bytes. Under `fifo` the
    # server sends one after the other: 0.2, 0.2, 0.016 and 0.016 s, and 2 ms to the last.
    one_by_one_s = 3 * (0.434 - 0.23) if (name, sharing) == ("parameter_server", "fifo") else 0.0
    assert sent.clock.now_s == pytest.approx(plain.clock.now_s + one_by_one_s, rel=1e-9)
    if name == "parameter_server":
        assert plain.clock.now_s == pytest.approx(3 * (0.1 + 0.23 + 0.032 + 0.23))
    same = {"regions": [[*range(nodes)]], "within": 1e4, "between": 1.0}
    alike = run(collective(name), network=NETWORK | {"bandwidth_bytes_per_s": same, "message_bytes": 800})
    assert alike.clock.now_s == pytest.approx(
        run(collective(name), network=NETWORK | {"message_bytes": 800}).clock.now_s
    )


def test_by_hand_on_two_levels() -> None:
    """Two groups of two, 400 bytes: 0.1 s inside (4,000 a second), 1 s between (400), no latency."""
    network = {
        "latency_s": 0.0, "sharing": "fair", "message_bytes": 400,
        "bandwidth_bytes_per_s": {"regions": [[0, 1], [2, 3]], "within": 4e3, "between": 400.0},
    }  # fmt: skip
    by_hand = {
        "ring": 6 * 0.25,  # each round passes both links between the groups
        "tree": 2 * (0.1 + 1.0),
        "recursive_doubling": 0.1 + 1.0,
        "rabenseifner": 2 * (0.5 + 0.1 / 4),  # halves between the groups, then quarters inside
        "hierarchical": 2 * 0.05 + 2 * 0.5 + 0.1,
    }
    # To add up, 1e-5 s a byte: the bytes that one worker adds, one after the other.
    added = {"ring": 300, "tree": 800, "recursive_doubling": 800, "rabenseifner": 300, "hierarchical": 400}
    for name, seconds in by_hand.items():
        for events in (False, True):
            world = run(collective(name, events=events), network=network, rounds=1)
            assert world.clock.now_s == pytest.approx(0.1 + seconds + added[name] * 1e-5), (name, events)


def test_hierarchical_beats_the_flat_ring_where_links_inside_are_faster() -> None:
    """300 GB/s inside and 12 GB/s between two nodes of 8, 14 GB: the figures of issue 19."""
    for events in (False, True):
        hierarchical = {"name": "hierarchical", "group_size": 8, "events": events}
        assert seconds(collective("ring", events=events)) == pytest.approx(30 * 14 / 16 / 12)  # 2.19 s
        assert seconds(hierarchical) == pytest.approx(14 / 8 * 14 / 300 + 14 / 12 + 3 * 14 / 300)  # 1.39 s


def seconds(made: Any) -> float:
    arm = only_arm(
        algorithm={"name": "allreduce", "collective": made},
        workers=16, compute={"time_s": 1.0}, until={"gradient_steps": 16}, network=TWO_LEVELS,
        problem="none", optimizer=None,
    )  # fmt: skip
    world = world_of(arm, message_bytes=14 * 10**9, learns=False)
    list(world.windows(10**6, 10**9))
    return world.clock.now_s - 1


def test_an_uplink_is_shared_by_the_messages_of_a_round() -> None:
    """Recursive doubling among 2 × 2 sends two messages each way at once between the groups: half the uplink each."""
    regions = {"regions": [[0, 1], [2, 3]], "within": 4e3, "between": 400.0, "uplink": 400.0}
    network = {"latency_s": 0.0, "sharing": "fair", "message_bytes": 400, "bandwidth_bytes_per_s": regions}
    for events in (False, True):
        world = run(collective("recursive_doubling", events=events), network=network, rounds=1)
        assert world.clock.now_s == pytest.approx(0.1 + 0.1 + 2.0 + 800e-5)


@pytest.mark.parametrize("name", sorted(IN_ROUNDS))
def test_messages_survive_loss_and_jitter(name: str) -> None:
    network = NETWORK | {"jitter_s": {"distribution": "expon", "scale": 0.01}, "loss": 0.2, "sharing": "fair"}
    arm = only_arm(algorithm={"name": "allreduce", "collective": collective(name, events=True)}, network=network)
    check_executors(arm)
    assert ledger(arm, 0, True, 50) == ledger(arm, 0, False, 50)
    with pytest.raises(ScenarioError, match="use ring_events, or one with events: true"):
        only_arm(algorithm={"name": "allreduce", "collective": collective(name)}, network=network)


def test_what_cannot_be_is_refused() -> None:
    for made, message in (
        (collective("tree", barrier=False), "collective.barrier = false: needs `events: true`"),
        ({"name": "ring_events", "events": True}, "collective.events = true: unknown key"),
    ):
        with pytest.raises(ScenarioError, match=message):
            scenario(algorithm={"name": "allreduce", "collective": made})
    up = {"up": [1e5] * 4, "down": None}
    served = {"name": "allreduce", "collective": collective("parameter_server", events=True)}
    with pytest.raises(ScenarioError, match=r"up has 4 numbers, and there are 5 workers \(worker 4 is the server\)"):
        scenario(algorithm=served, network=NETWORK | {"bandwidth_bytes_per_s": up})
    scenario(algorithm=served, network=NETWORK | {"bandwidth_bytes_per_s": {"up": [1e5] * 5, "down": None}})


def test_every_collective_in_rounds_is_tested_here() -> None:
    assert {name for name, kind in COLLECTIVES.items() if "events" in kind.model_fields} == set(IN_ROUNDS)


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("name", sorted(IN_ROUNDS))
def test_what_a_collective_carries_uses_links(name: str, events: bool) -> None:
    """One all-reduce of 800 bytes in 2 s of links of 10,000 bytes a second, by hand: as a formula and as messages."""
    by_hand = {  # of 800 bytes, up and down, of each worker
        "ring": [(1.5, 1.5)] * 4,
        "tree": [(2, 2), (1, 1), (2, 2), (1, 1)],
        "recursive_doubling": [(2, 2)] * 4,
        "rabenseifner": [(1.5, 1.5)] * 4,
        "hierarchical": [(3, 2), (1, 2)] * 2,  # a ring of two, one of the leaders, who then pass it on
        "parameter_server": [(1, 1)] * 4,
    }
    made = scenario(
        algorithm={"name": "allreduce", "collective": collective(name, events=events)},
        network=NETWORK | {"message_bytes": 800},
        compute={"time_s": 1.3},
        until={"time_s": 2.0},
        problem=None,
    )
    used = gossim.run(made).activities[["up_utilisation", "down_utilisation"]].to_numpy()
    assert used == pytest.approx(np.array(by_hand[name]) * 800 / 2e4)


@pytest.mark.parametrize("workers", [2, 3, 5, 6, 8])
@pytest.mark.parametrize("name", sorted(IN_ROUNDS))
def test_members_send_all_bytes_that_are_counted(name: str, workers: int) -> None:
    made: Collective = TypeAdapter(AnyCollective).validate_python(collective(name))
    loads = made.loads(workers, 800)
    assert len(loads) == workers
    total = made.cost(workers, 800, Link(0.0, 0.0, 0.0)).size_bytes
    served = 2 if name == "parameter_server" else 1  # half of them is sent by the server
    assert sum(load.up for load in loads) == pytest.approx(total / served)
    assert sum(load.down for load in loads) == pytest.approx(total / served)
