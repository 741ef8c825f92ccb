"""A²CiD² (Nabli et al. 2023) beside its equations, written again in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from gossim.errors import ScenarioError
from gossim.execute.reference import Reference
from gossim.sim.world import World
from support.scenarios import only_arm
from support.several import advance, scattered

UNIT_S, IMMEDIATE = 0.1, {"latency_s": 0.0, "bandwidth_bytes_per_s": None}


def constants(workers: int, rate: float) -> tuple[float, float]:
    """η and α̃ on a ring: L = 2e (I − A/2), and an edge with rate e in parallel with M − 1 others in a row."""
    chi_1 = 1 / (2 * rate * (1 - math.cos(2 * math.pi / workers)))
    chi_2 = (workers - 1) / workers / rate / 2
    return 1 / (2 * math.sqrt(chi_1 * chi_2)), math.sqrt(chi_1 / chi_2) / 2


def run(algorithm: dict[str, Any], seed: int, start: torch.Tensor, units: float) -> tuple[World, Reference]:
    arm = only_arm(
        algorithm=algorithm, workers=len(start), topology="ring", compute={"time_s": UNIT_S}, network=IMMEDIATE,
        optimizer={"learning_rate": 0.0}, until={"time_s": units * UNIT_S}, probe={"every_s": 1e6},
    )  # fmt: skip
    world, reference = scattered(arm, seed, start)
    while not world.finished:
        advance(world, reference)
    return world, reference


def both(world: World, reference: Reference, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """x and x̃ of all workers, brought up to the end."""
    x = np.stack([reference.rows[w.row].numpy() for w in world.workers])
    tilde = np.stack([reference.rows[w.companion].numpy() for w in world.workers])
    since = np.array([[(world.clock.now - w.flowed) / 1e12 / UNIT_S] for w in world.workers])
    over = (1 - np.exp(-2 * eta * since)) / 2
    return (1 - over) * x + over * tilde, (1 - over) * tilde + over * x


@pytest.mark.parametrize("eta", [0.0, None])
def test_the_slowest_mode_decays_as_expected(eta: float | None) -> None:
    """E[(x, x̃)] along an eigenvector of L follows d/dt (x, x̃) = ([[−η, η], [η, −η]] − [[λ/2, 0], [α̃λ, 0]]) (x, x̃).

    On a ring of 32 the slower of the two rates is then about √(λ₂ χ₂⁻¹)/2, where without momentum it is λ₂/2.
    """
    workers, units, repeats = 32, 6.0, 10
    mode = np.cos(2 * np.pi * np.arange(workers) / workers)
    second = 2 * (1 - math.cos(2 * math.pi / workers))
    own, strength = constants(workers, 1.0)
    rate = own if eta is None else eta
    flow = np.array([[-rate - second / 2, rate], [rate - strength * second, -rate]])
    expected = scipy.linalg.expm(flow * units) @ [1.0, 1.0]
    found = []
    for seed in range(repeats):
        world, reference = run({"name": "acid", "eta": eta}, seed, torch.tensor(mode[:, None]), units)
        x, tilde = both(world, reference, rate)
        found.append([mode @ x[:, 0], mode @ tilde[:, 0]] / (mode @ mode))
    error = np.std(found, axis=0, ddof=1) / math.sqrt(repeats)
    measured = slice(None) if eta is None else slice(1)  # without momentum nothing reads x̃
    assert (np.abs(np.mean(found, axis=0) - expected) < 5 * error)[measured].all()
    assert error[0] < 0.06
    rates = -np.linalg.eigvals(flow).real
    if eta is None:
        assert rates.min() > 6 * second / 2
        assert np.mean(found, axis=0)[0] < 0.75
    else:
        assert np.mean(found, axis=0)[0] > 0.85


def test_exchanges_keep_the_sum_of_both() -> None:
    start = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    world, reference = run({"name": "acid", "exchanges_per_gradient": 2.0}, 3, start, 10.0)
    x, tilde = both(world, reference, 0.3)
    assert world.network.messages_sent > 100
    np.testing.assert_allclose((x + tilde).sum(axis=0), 2 * start.numpy().sum(axis=0), atol=1e-12)
    assert np.abs(x - x.mean(axis=0)).max() < 0.2 * np.abs(start.numpy() - start.numpy().mean(axis=0)).max()


def test_without_momentum_it_is_adpsgd_with_exchanges_at_random_times() -> None:
    """Each exchange, in its order, gives both the mean; the steps are along gradients from before."""
    arm = only_arm(
        algorithm={"name": "acid", "eta": 0.0}, workers=4, topology="ring", compute={"time_s": UNIT_S},
        network=IMMEDIATE, optimizer={"learning_rate": 0.05}, until={"gradient_steps": 60}, probe={"every_s": 1e6},
    )  # fmt: skip
    world, reference = scattered(arm, 5)
    problem: Any = reference.problem
    x = [reference.rows[w.row].numpy().copy() for w in world.workers]
    taken, talked = [0] * 4, 0
    while not world.finished:
        before = {pair: each.messages for pair, each in world.network.exchanges.items()}
        steps = [w.taken for w in world.workers]
        advance(world, reference)
        pairs: set[frozenset[Any]] = {
            frozenset(pair) for pair, each in world.network.exchanges.items() if each.messages > before.get(pair, 0)
        }
        for m, worker in enumerate(world.workers):
            if worker.taken > steps[m]:
                x[m] = x[m] - 0.05 * problem.seen[m, taken[m]][1].numpy()
                taken[m] += 1
        if len(pairs) == 1:
            (i, j), talked = tuple(next(iter(pairs))), talked + 1
            if talked % 2:  # the request; the answer comes next
                x[i] = x[j] = (x[i] + x[j]) / 2
    assert talked > 30
    np.testing.assert_allclose([reference.rows[w.row].numpy() for w in world.workers], x, rtol=1e-10, atol=1e-11)


def test_the_constants_are_those_of_the_graph() -> None:
    from gossim.cluster.topology.spectral import acceleration

    for rate in (1.0, 2.5):
        topology = only_arm(topology="ring", workers=12).topology.build(12, 0)
        assert acceleration(topology, rate) == pytest.approx(constants(12, rate))


def test_a_graph_that_changes_has_no_constants() -> None:
    with pytest.raises(ScenarioError, match="changes from round to round"):
        only_arm(algorithm={"name": "acid"}, topology={"name": "base_k", "degree": 1})
