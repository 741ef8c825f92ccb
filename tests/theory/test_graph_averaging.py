"""How far apart workers are on a graph: the simulator against the eigenvalues of its matrices, by standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gossim import theory
from gossim.cluster.topology.spectral import second_modulus, spectrum
from gossim.execute.batched import Batched
from gossim.plots.predicted.graphs import contact
from gossim.testing import trajectory
from support.consensus import apart, mean_and_error, noise_arm, over_time

GRAPHS: list[tuple[int, dict[str, Any]]] = [
    (2, {"name": "complete"}),
    (8, {"name": "ring"}),
    (7, {"name": "star"}),
    (9, {"name": "torus"}),
    (8, {"name": "hypercube", "mixing": "lazy"}),
    (10, {"name": "erdos_renyi", "edge_probability": 0.7}),
    (8, {"name": "k_regular", "degree": 3, "mixing": "uniform"}),
]
ORDERS = ["combine_then_adapt", "adapt_then_combine"]


def eigenvalues(arm: Any, seed: int) -> np.ndarray:
    return spectrum(arm.topology.build(arm.workers, seed).mixing())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("workers", "topology"),
    [GRAPHS[1], *(pytest.param(*graph, marks=pytest.mark.slow) for graph in (GRAPHS[0], *GRAPHS[2:]))],
    ids=lambda value: value if isinstance(value, int) else value["name"],
)
def test_dpsgd_has_the_closed_form_consensus_distance(workers: int, topology: dict[str, Any], order: str) -> None:
    """Constant times: all are in the same round at every instant."""
    arm = noise_arm(
        {"name": "dpsgd", "order": order},
        workers,
        topology=topology,
        compute={"time_s": 1.0},
        until={"time_s": 160.0},
        probe={"every_s": 2.5},
    )
    first = order == "adapt_then_combine"
    ratios = []
    for seed in range(8):
        _, facts, rows = trajectory(arm, Batched, seed, window=4000)
        found = np.mean([apart(at) for fact, at in zip(facts, rows, strict=True) if fact.time_s >= 40]) / 16
        expected = theory.mixing_consensus(eigenvalues(arm, seed), 1.0, first)
        assert found == pytest.approx(expected, abs=1e-12) or expected > 1e-12
        ratios.append(found / expected if expected > 1e-12 else 1.0)
    mean, error = mean_and_error(ratios)
    assert mean == pytest.approx(1, abs=5 * error + 1e-12)
    assert error < 0.03


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("workers", "topology", "rounds"), [(8, {"name": "ring"}, 3), (5, {"name": "star"}, 2)])
def test_dpsgd_spreads_from_the_start_as_the_closed_form(
    workers: int, topology: dict[str, Any], rounds: int, order: str
) -> None:
    arm = noise_arm(
        {"name": "dpsgd", "order": order},
        workers,
        dim=100,
        topology=topology,
        compute={"time_s": 1.0},
        until={"time_s": rounds + 0.5},
    )
    found = [apart(trajectory(arm, Batched, seed)[2][-1]) / 100 for seed in range(60)]
    mean, error = mean_and_error(found)
    first = order == "adapt_then_combine"
    after = theory.mixing_consensus_after(eigenvalues(arm, 0), 1.0, np.array([rounds - 1, rounds, 1e5]), first)
    assert mean == pytest.approx(after[1], abs=5 * error)
    assert error < (after[1] - after[0]) / 5  # so that another round would be noticed
    assert after[2] == pytest.approx(theory.mixing_consensus(eigenvalues(arm, 0), 1.0, first), rel=1e-9)


@pytest.mark.parametrize("step_first", [False, True])
def test_the_sum_over_eigenvalues_is_the_fixed_point_of_the_covariance(step_first: bool) -> None:
    """C ← WCW + P, or W (C + P) W, iterated as matrices."""
    arm = noise_arm({"name": "dpsgd"}, 10, topology={"name": "erdos_renyi", "edge_probability": 0.7})
    mixing = arm.topology.build(10, 3).mixing().toarray()
    centred = np.eye(10) - 0.1
    covariance = np.zeros((10, 10))
    for rounds in range(400):
        after = theory.mixing_consensus_after(np.linalg.eigvalsh(mixing), 1.0, np.array([rounds]), step_first)
        assert after[0] == pytest.approx(np.trace(covariance) / 10, rel=1e-9)
        noise = mixing @ centred @ mixing if step_first else centred
        covariance = mixing @ covariance @ mixing + noise
    stationary = theory.mixing_consensus(np.linalg.eigvalsh(mixing), 1.0, step_first)
    assert stationary == pytest.approx(np.trace(covariance) / 10, rel=1e-9)


def test_closed_forms_of_rings_and_of_averaging_with_all() -> None:
    waves = 1 / 3 + 2 / 3 * np.cos(2 * np.pi * np.arange(12) / 12)
    arm = noise_arm({"name": "dpsgd"}, 12, topology={"name": "ring"})
    assert eigenvalues(arm, 0) == pytest.approx(np.sort(waves), abs=1e-12)
    assert np.abs(eigenvalues(arm, 0)[:-1]).max() == pytest.approx(second_modulus(arm.topology.build(12, 0).mixing()))
    together = np.array([1.0, 0.0, 0.0, 0.0])
    assert theory.mixing_consensus(together, 2.0) == pytest.approx(2.0 * 0.75)
    assert theory.mixing_consensus(together, 2.0, step_first=True) == 0


def test_a_matrix_that_is_not_symmetric_is_refused() -> None:
    arm = noise_arm({"name": "sgp"}, 8, topology={"name": "static_exponential"})
    with pytest.raises(ValueError, match="not symmetric"):
        spectrum(arm.topology.build(8, 0).mixing())


@pytest.mark.parametrize("workers", [2, 3, 6])
def test_pairs_on_the_complete_graph(workers: int) -> None:
    steps = np.array([0.0, 3.0, 20.0, np.inf])
    everyone = (np.ones((workers, workers)) - np.eye(workers)) / (workers - 1)
    found = theory.contact_consensus_after(everyone, 2.0, steps)
    expected = theory.pairwise_consensus_after(workers, 1.0, 2.0, steps)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("workers", "topology"),
    [
        (6, {"name": "ring"}),
        pytest.param(5, {"name": "star"}, marks=pytest.mark.slow),
        pytest.param(9, {"name": "torus"}, marks=pytest.mark.slow),
    ],
)
def test_noise_under_adpsgd_on_a_graph(workers: int, topology: dict[str, Any]) -> None:
    arm = noise_arm({"name": "adpsgd"}, workers, topology=topology, until={"time_s": 80.0}, probe={"every_s": 1.0})
    mean, error = over_time(arm, 10, 30.0)
    expected = theory.contact_consensus_after(contact(arm.topology.build(workers, 0)), 1.0, np.array([np.inf]))
    assert mean == pytest.approx(expected[0], abs=5 * error)
    assert error < mean / 15
    complete = theory.pairwise_consensus(workers, 1.0, 1.0)
    assert abs(expected[0] - complete) > 5 * error  # the graph is seen


def test_adpsgd_on_a_ring_from_the_start() -> None:
    arm = noise_arm({"name": "adpsgd"}, 6, dim=100, topology={"name": "ring"}, until={"time_s": 1.5})
    mean, error = mean_and_error([apart(trajectory(arm, Batched, seed)[2][-1]) / 100 for seed in range(150)])
    expected = theory.contact_consensus_after(contact(arm.topology.build(6, 0)), 1.0, np.array([9.0, np.inf]))
    assert mean == pytest.approx(expected[0], abs=5 * error)
    assert expected[0] < expected[1] - 5 * error
