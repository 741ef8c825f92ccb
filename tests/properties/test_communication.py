"""What communication keeps, and how fast it brings workers together."""

from __future__ import annotations

import math
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossim import theory
from gossim.cluster.topology.spectral import second_modulus
from gossim.execute.reference import Reference
from gossim.sim.world import World
from gossim.testing import trajectory
from support.algorithms import on_a_ring
from support.clusters import clusters
from support.scenarios import only_arm
from support.several import Several, advance, scattered

MANY = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))

KEEP_THE_MEAN: dict[str, dict[str, Any]] = {
    "allreduce": {"name": "allreduce"},
    "local_sgd": {"name": "local_sgd", "period": 3},
    "dpsgd": {"name": "dpsgd"},
    "dpsgd, steps first": {"name": "dpsgd", "order": "adapt_then_combine"},
    "gossip_pga": {"name": "gossip_pga", "period": 3},
    "gradient_tracking": {"name": "gradient_tracking"},
    "d2": {"name": "d2"},
    "exact_diffusion": {"name": "exact_diffusion"},
    "extra": {"name": "extra"},
    "qg_dsgdm without momentum": {"name": "qg_dsgdm", "beta": 0.0},
    "gossipgrad": {"name": "gossipgrad"},
    "choco": {"name": "choco", "compression": {"name": "top_k", "fraction": 0.3}, "consensus_step": 0.4},
    "choco with signs": {"name": "choco", "compression": "sign", "consensus_step": 0.3},
    "diloco": {"name": "diloco", "period": 2, "outer": {"learning_rate": 1.0}},
    "moshpit": {"name": "moshpit", "group_size": 2, "period": 2},
    "hierarchical": {"name": "hierarchical", "group_size": 2, "push_probability": 0.0},
}
"""Those whose averaging is in step, and leaves the mean of all x_m as it was."""


def run(world: World, reference: Reference) -> Several:
    while not world.finished:
        advance(world, reference)
    assert isinstance(reference.problem, Several)
    return reference.problem


def rows_of(world: World, reference: Reference) -> torch.Tensor:
    return torch.stack([reference.rows[node.row] for node in (*world.workers, *world.servers)])


def spread(x: torch.Tensor) -> float:
    """√(Σ ‖x_i − x̄‖²) for x of shape `(workers, dim)`."""
    return float((x - x.mean(dim=0)).norm())


@MANY
@given(cluster=clusters(), rate=st.sampled_from([0.0, 0.1]), ring=st.booleans(), seed=st.integers(0, 2**32))
@pytest.mark.parametrize("name", KEEP_THE_MEAN)
def test_the_mean_moves_by_the_mean_gradient_alone(
    name: str, cluster: dict[str, Any], rate: float, ring: bool, seed: int
) -> None:
    """x̄ of the workers' k-th gradients, wherever each is in time: x̄ ← x̄ − η ḡ, from a start of its own for each.

    Of gradient tracking that is Σ y_m = Σ of the latest gradients. With a learning rate of 0 the mean stays.
    """
    cluster = {**cluster, "optimizer": {"learning_rate": rate}, "topology": on_a_ring(name) if ring else "complete"}
    problem = run(*scattered(only_arm(algorithm=KEEP_THE_MEAN[name], **cluster), seed, noise=0.3))
    for k in range(problem.whole_steps - 1):
        moved = problem.points(k).mean(dim=0) - rate * problem.slopes(k).mean(dim=0)
        torch.testing.assert_close(problem.points(k + 1).mean(dim=0), moved, rtol=0, atol=1e-11)


@MANY
@given(cluster=clusters(), rho=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_the_elastic_force_is_symmetric(cluster: dict[str, Any], rho: float, seed: int) -> None:
    """x̃ + Σ x_m, and what an answer under way will still do to its worker, ρ (x̃ − x_m), event by event."""
    algorithm = {"name": "easgd", "period": 1, "moving_rate": rho}
    world, reference = scattered(
        only_arm(algorithm=algorithm, **{**cluster, "optimizer": {"learning_rate": 0.0}}), seed
    )

    def total() -> torch.Tensor:
        rows = reference.rows
        due = [
            rho * (rows[message.row] - rows[world.workers[message.receiver].row])
            for message in world.network.in_flight
            if message.sender == len(world.workers)
        ]
        return rows_of(world, reference).sum(dim=0) + sum(due)

    start = total()
    while not world.finished:
        advance(world, reference)
        torch.testing.assert_close(total(), start, rtol=0, atol=1e-11)


@MANY
@given(cluster=clusters(), seed=st.integers(0, 2**32))
def test_pairs_keep_the_sum(cluster: dict[str, Any], seed: int) -> None:
    """AD-PSGD: Σ x_m whenever nothing is under way, and without latency that is after every instant."""
    arm = only_arm(algorithm={"name": "adpsgd"}, **{**cluster, "optimizer": {"learning_rate": 0.0}})
    world, reference = scattered(arm, seed)
    start = rows_of(world, reference).sum(dim=0)
    checked = 0
    while not world.finished:
        advance(world, reference)
        if not world.network.in_flight and world.gradient_steps:
            torch.testing.assert_close(rows_of(world, reference).sum(dim=0), start, rtol=0, atol=1e-11)
            checked += 1
    immediate = arm.network and arm.network.latency_s == 0 and arm.network.bandwidth_bytes_per_s is None
    assert checked or not immediate


GRAPHS: dict[str, tuple[Any, nx.Graph, float]] = {
    "ring": ("ring", nx.cycle_graph(7), theory.ring_second_eigenvalue(7)),
    "torus": (
        {"name": "torus", "rows": 3},
        nx.convert_node_labels_to_integers(nx.grid_2d_graph(3, 5, periodic=True), ordering="sorted"),
        theory.torus_second_eigenvalue(3, 5),
    ),
    "star": ("star", nx.star_graph(5), theory.star_second_eigenvalue(6)),
    "hypercube": (
        "hypercube",
        nx.convert_node_labels_to_integers(nx.hypercube_graph(3), ordering="sorted"),
        theory.hypercube_second_eigenvalue(3),
    ),
}
"""The topology, the same graph, and |λ₂(W)| of Metropolis–Hastings on it."""


def modes(graph: nx.Graph) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues by their modulus, the largest first, and eigenvectors, of W_ij = 1/(1 + max(d_i, d_j))."""
    workers, degree = len(graph), dict(graph.degree)
    weights = np.zeros((workers, workers))
    for i, j in graph.edges:
        weights[i, j] = weights[j, i] = 1 / (1 + max(degree[i], degree[j]))
    weights += np.diag(1 - weights.sum(axis=1))
    values, vectors = np.linalg.eigh(weights)
    order = np.argsort(-abs(values))
    return values[order], vectors[:, order]


def rounds(topology: Any, start: torch.Tensor, count: int) -> list[float]:
    """How far apart the workers are after 0, 1, 2, … rounds of D-PSGD without steps."""
    arm = only_arm(
        algorithm={"name": "dpsgd"},
        workers=len(start),
        topology=topology,
        optimizer={"learning_rate": 0.0},
        until={"gradient_steps": (count + 1) * len(start)},
    )
    problem = run(*scattered(arm, 0, start))
    return [spread(problem.points(k)) for k in range(count + 1)]


@pytest.mark.parametrize("name", GRAPHS)
def test_a_round_shrinks_the_slowest_mode_by_the_second_eigenvalue(name: str) -> None:
    topology, graph, second = GRAPHS[name]
    values, vectors = modes(graph)
    assert abs(values[1]) == pytest.approx(second, rel=1e-12)
    apart = rounds(topology, torch.tensor(vectors[:, 1:2]), 12)
    np.testing.assert_allclose(apart, second ** np.arange(13), rtol=1e-9)


@pytest.mark.parametrize("name", GRAPHS)
def test_in_the_long_run_every_start_shrinks_by_the_second_eigenvalue(name: str) -> None:
    """c |λ₂|^k ≤ distance ≤ |λ₂|^k · the distance at first, c that of the part in the slowest modes."""
    topology, graph, second = GRAPHS[name]
    values, vectors = modes(graph)
    start = torch.randn(len(graph), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slowest = vectors[:, np.isclose(abs(values), second)]
    part = float(np.linalg.norm(slowest.T @ start.numpy()))
    apart = np.array(rounds(topology, start, 30))
    powers = second ** np.arange(31)
    assert (apart <= powers * apart[0] * (1 + 1e-9)).all()
    assert (apart >= powers * part * (1 - 1e-9)).all()
    # What is not in the slowest modes shrinks by |λ₃| at most, so the last ratio is known to within this.
    third = abs(values[1 + slowest.shape[1] :]).max()
    rest = (third / second) ** 29 * apart[0] / part
    rounding = 30 * np.finfo(float).eps * float(start.norm()) / apart[-1]
    assert apart[-1] / apart[-2] == pytest.approx(second, rel=rest**2 + rounding)


def contacts(arm: Any, seed: int, start: torch.Tensor, count: int) -> list[float]:
    """Σ ‖x_i − x̄‖² before and after `count` contacts of AD-PSGD. Those at the start, all at one instant, do not
    count: the workers get their places after them."""
    world, reference = scattered(arm, seed, start)
    while world.clock.peek() == 0:
        advance(world, reference)
    for worker, point in zip(world.workers, start, strict=True):
        reference.rows[worker.row] = point.clone()
    squares = [spread(start) ** 2]
    while len(squares) <= count:
        now = world.clock.peek()
        while world.clock.peek() == now:
            advance(world, reference)
        squares.append(spread(rows_of(world, reference)) ** 2)
    return squares


@pytest.mark.parametrize("topology", ["complete", "ring", pytest.param("star", marks=pytest.mark.slow)])
def test_random_pairs_contract_as_their_mean_matrix_does(topology: str) -> None:
    """E Σ ‖x_i − x̄‖² from an eigenvector of E[W] to its eigenvalue λ shrinks to λ by one contact, and on the complete
    graph, where all eigenvalues are one, to λ^k by k. Exponential times: whoever is next is anyone, evenly.

    Source: Boyd, Ghosh, Prabhakar, Shah 2006, "Randomized gossip algorithms".
    """
    workers, seeds, count = 6, 400, 5 if topology == "complete" else 1
    graph = {"complete": nx.complete_graph, "ring": nx.cycle_graph, "star": lambda m: nx.star_graph(m - 1)}[topology]
    links = nx.to_numpy_array(graph(workers))
    expected = theory.pairwise_averaging(links / links.sum(axis=1, keepdims=True))
    values, vectors = np.linalg.eigh(expected)
    start = torch.tensor(vectors[:, -2:-1].copy())
    arm = only_arm(
        algorithm={"name": "adpsgd"},
        workers=workers,
        topology=topology,
        optimizer={"learning_rate": 0.0},
        compute={"time_s": {"distribution": "expon", "scale": 0.1}},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
        until={"gradient_steps": 1000},
        probe={"every_s": 1e6},
    )
    left = np.array([contacts(arm, seed, start, count)[-1] for seed in range(seeds)])
    error = left.std(ddof=1) / math.sqrt(seeds)
    assert left.mean() == pytest.approx(values[-2] ** count, abs=5 * error)
    assert error < 0.03
    if topology == "complete":
        assert values[-2] == pytest.approx(theory.complete_pairwise_second_eigenvalue(workers))


def test_the_graphs_are_those_of_the_simulator() -> None:
    for topology, graph, second in GRAPHS.values():
        arm = only_arm(algorithm={"name": "dpsgd"}, workers=len(graph), topology=topology)
        assert second_modulus(arm.topology.build(len(graph), 0).mixing()) == pytest.approx(second, abs=1e-9)


def test_a_group_that_has_lost_all_weight_goes_on() -> None:
    """α halves a thousand times where nothing comes back, until it is 0 in floating point: each counts the same."""
    arm = only_arm(
        algorithm={"name": "hierarchical", "group_size": 1, "push_probability": 1.0},
        workers=2,
        optimizer={"learning_rate": 0.0},
        compute={"time_s": 0.1},
        network={"latency_s": 1e6, "bandwidth_bytes_per_s": None},
        probe={"every_s": 1e5},
        until={"gradient_steps": 2 * 1200},
    )
    world, reference = scattered(arm, 0)
    start = rows_of(world, reference)
    run(world, reference)
    assert [worker.alpha for worker in world.workers] == [0, 0]
    assert torch.equal(rows_of(world, reference), start)


def test_after_a_crash_diloco_comes_together_again() -> None:
    """A worker that has begun again at x⁰ with an empty outer state is led back to the θ of the others.

    What is between them shrinks by √μ a round at least, the modulus of the roots of z² − (1 + μ − η)z + μ: in the 80
    rounds that are left, by 10⁻¹².
    """
    arm = only_arm(
        algorithm={"name": "diloco", "period": 2, "timeout_s": 1.0, "outer": {"learning_rate": 0.7, "momentum": 0.5}},
        compute={"time_s": 0.1},
        faults=[{"name": "crash", "workers": [1], "at_s": 1.03, "back_after_s": 0.5, "parameters": "reset"}],
        until={"gradient_steps": 800},
    )
    problem = Several(4, noise=0.0)
    _, facts, rows = trajectory(arm, Reference, problem=problem)
    apart = [spread(row) for fact, row in zip(facts, rows, strict=True) if fact.time_s > 2]
    assert max(apart) > 0.1, "between two averagings each goes its own way"
    assert min(apart) < 1e-9
