"""Gossip of 2018 to 2023 written a second time, in NumPy, from its equations; and where it leads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gossim.cluster.topology import TOPOLOGIES
from gossim.errors import RunError, ScenarioError
from gossim.rng import Purpose, stream
from gossim.sim.world import World
from support.published import ETA, RING, K, M, Run
from support.scenarios import only_arm
from support.several import observed

LAZY = (np.eye(M) + RING) / 2
GRADIENTS = 6 * 400
BIASED: dict[str, Any] = {
    "noise": 0.0,
    "workers": 6,
    "until": {"gradient_steps": GRADIENTS},
    "optimizer": {"learning_rate": 0.04},
    "topology": {"name": "ring", "mixing": "lazy"},
}
"""Workers with an optimum each, on a ring, without noise."""


def test_d2_follows_its_published_equations() -> None:
    """Tang et al. 2018: x₁ = W (x₀ − γ g₀); x_{t+1} = W (2 x_t − x_{t−1} − γ g_t + γ g_{t−1})."""
    run = Run({"name": "d2"})
    x, g = run.start, run.gradients(0, run.start)
    old, x = x, RING @ (x - ETA * g)
    for k in range(1, K):
        new = run.gradients(k, x)
        old, x = x, RING @ (2 * x - old - ETA * new + ETA * g)
        g = new


def test_exact_diffusion_follows_its_published_equations() -> None:
    """Yuan et al. 2019: ψ ← w − μ g; φ ← ψ + w − ψ_before; w ← Ā φ, Ā = (I + A)/2."""
    run = Run({"name": "exact_diffusion"})
    w, before = run.start, run.start
    for k in range(K):
        psi = w - ETA * run.gradients(k, w)
        w, before = LAZY @ (psi + w - before), psi


def test_extra_follows_its_published_equations() -> None:
    """Shi et al. 2015: x¹ = W x⁰ − α ∇f(x⁰); x^{k+2} = (I + W) x^{k+1} − W̃ x^k − α (∇f(x^{k+1}) − ∇f(x^k))."""
    run = Run({"name": "extra"})
    old, g = run.start, run.gradients(0, run.start)
    x = RING @ old - ETA * g
    for k in range(1, K):
        new = run.gradients(k, x)
        old, x = x, x + RING @ x - LAZY @ old - ETA * (new - g)
        g = new


def test_quasi_global_momentum_follows_its_published_equations() -> None:
    """Lin et al. 2021: m̂ = β m + g; x ← W (x − η m̂); m ← β m + (1 − β)(x_old − x_new)/η."""
    beta = 0.7
    run = Run({"name": "qg_dsgdm", "beta": beta})
    x, m = run.start, np.zeros_like(run.start)
    for k in range(K):
        new = RING @ (x - ETA * (beta * m + run.gradients(k, x)))
        x, m = new, beta * m + (1 - beta) * (x - new) / ETA


def test_decentlam_follows_its_published_equations() -> None:
    """Yuan et al. 2021: g̃ = x/γ − W (x − γ g)/γ; m ← β m + g̃; x ← x − γ m."""
    beta = 0.8
    run = Run({"name": "decentlam", "beta": beta})
    x, m = run.start, np.zeros_like(run.start)
    for k in range(K):
        m = beta * m + x / ETA - RING @ (x - ETA * run.gradients(k, x)) / ETA
        x = x - ETA * m


def test_gossipgrad_follows_its_published_rotation() -> None:
    """A step, then the mean with who stands 2^(t mod 3) places behind in a circle drawn anew every 3 rounds."""
    run = Run({"name": "gossipgrad"})
    x = run.start
    for k in range(K):
        half = x - ETA * run.gradients(k, x)
        circle = stream(7, Purpose.ROTATION, k // 3).permutation(M).tolist()
        heard = [circle[(circle.index(m) - 2 ** (k % 3)) % M] for m in range(M)]
        x = (half + half[heard]) / 2


def test_gossipgrad_averages_exactly_where_workers_are_a_power_of_two() -> None:
    problem, _, _ = observed(
        algorithm={"name": "gossipgrad"}, workers=8, noise=0.0, optimizer={"learning_rate": 1e-3},
        until={"gradient_steps": 8 * 14},
    )  # fmt: skip
    # What is left after a round of 3 is of the last steps alone: 2 · 3 steps of a gradient's spread apart at most.
    points, slopes = problem.points(12), problem.slopes(12)
    apart = (points - points.mean(dim=0)).norm(dim=1).max()
    assert 0 < apart < 2 * 3 * 1e-3 * (slopes - slopes.mean(dim=0)).norm(dim=1).max()


@pytest.mark.parametrize("name", ["d2", "exact_diffusion", "extra"])
def test_different_data_do_not_mislead(name: str) -> None:
    """The optimum of all is the mean of the workers' optima."""
    problem, _, _ = observed(algorithm={"name": name}, **BIASED)
    reached = problem.points(problem.whole_steps - 1)
    assert float((reached - problem.optima.mean(dim=0)).abs().max()) < 1e-7


def test_momentum_that_shares_the_fixed_point_of_dpsgd() -> None:
    """And D-PSGD under momentum of its own optimizer has another."""
    plain = {"name": "dpsgd", "order": "adapt_then_combine"}
    runs = {
        "dpsgd": observed(algorithm=plain, **BIASED),
        "qg_dsgdm": observed(algorithm={"name": "qg_dsgdm", "beta": 0.6}, **BIASED),
        "decentlam": observed(algorithm={"name": "decentlam", "beta": 0.6}, **BIASED),
        "own": observed(algorithm=plain, **{**BIASED, "optimizer": {"learning_rate": 0.04, "momentum": 0.6}}),
    }
    reached = {name: problem.points(problem.whole_steps - 1) for name, (problem, _, _) in runs.items()}
    apart = {name: float((points - reached["dpsgd"]).abs().max()) for name, points in reached.items()}
    assert max(apart["qg_dsgdm"], apart["decentlam"]) < 1e-6
    assert apart["own"] > 0.01
    assert float((reached["dpsgd"] - runs["dpsgd"][0].optima.mean(dim=0)).abs().max()) > 0.01


def test_without_momentum_they_are_dpsgd() -> None:
    plain = observed(algorithm={"name": "dpsgd", "order": "adapt_then_combine"})[0]
    for name in ("qg_dsgdm", "decentlam"):
        other = observed(algorithm={"name": name, "beta": 0.0})[0]
        np.testing.assert_allclose(other.points(8), plain.points(8), rtol=1e-10)


def test_d2_is_refused_where_its_matrix_leads_nowhere() -> None:
    """Metropolis–Hastings on an even ring has λ_min = −1/3."""
    rule = "needs λ_min.W. > −1/3, and on this topology it is -0.333; use mixing: lazy, or exact_diffusion"
    with pytest.raises(ScenarioError, match=rule):
        only_arm(algorithm={"name": "d2"}, workers=6, topology="ring")
    only_arm(algorithm={"name": "d2"}, workers=7, topology="ring")
    with pytest.raises(ScenarioError, match="changes from round to round"):
        only_arm(algorithm={"name": "extra"}, topology={"name": "base_k", "degree": 1})


def test_d2_looks_at_the_graph_that_is_drawn() -> None:
    """An arm that fits with seed 0 stops before its first gradient where another seed's graph does not fit."""
    arm = only_arm(algorithm={"name": "d2"}, workers=6, topology={"name": "k_regular", "degree": 3})
    for seed in range(40):
        matrix = arm.topology.build(6, seed).mixing().toarray()
        if np.linalg.eigvalsh(matrix)[0] <= -1 / 3:
            world = World(arm, arm.algorithm, seed, 40)
            with pytest.raises(RunError, match="λ_min"):
                list(world.windows(10, 10**9))
            assert world.gradient_steps == 0
            return
    pytest.fail("no graph was drawn on which d2 is refused")


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("workers", [6, 12, 20, 23])
def test_base_k_averages_exactly(workers: int, degree: int) -> None:
    """After a period, to rounding, for any M; with `degree` links, in 2 log_{k+1} M + 2 rounds at most."""
    topology: Any = TOPOLOGIES["base_k"].model_validate({"name": "base_k", "degree": degree}).build(workers, 0)
    product = np.eye(workers)
    for round in range(len(topology.period)):
        product = topology.mixing(round).toarray() @ product
        assert max(len(topology.neighbours(worker, round)) for worker in range(workers)) <= degree
    assert abs(product - 1 / workers).max() < 1e-15
    assert len(topology.period) <= 2 * math.log(workers, degree + 1) + 2


LENGTHS = {(5, 1): 5, (6, 1): 4, (12, 1): 5, (12, 2): 3, (12, 3): 2, (21, 2): 5, (22, 3): 5, (24, 1): 6, (25, 4): 2}
"""Rounds that the authors' code, yukiTakezawa/BaseGraph at commit 1374120, makes for M workers and k links."""


@pytest.mark.parametrize(("workers", "degree"), LENGTHS)
def test_base_k_is_as_short_as_published(workers: int, degree: int) -> None:
    topology: Any = TOPOLOGIES["base_k"].model_validate({"name": "base_k", "degree": degree}).build(workers, 0)
    assert len(topology.period) == LENGTHS[workers, degree]


def test_base_k_brings_its_own_weights() -> None:
    with pytest.raises(ScenarioError, match="mixing"):
        only_arm(topology={"name": "base_k", "degree": 1, "mixing": "lazy"})
    with pytest.raises(ScenarioError, match="degree = 4: must be below the number of workers, 4"):
        only_arm(topology={"name": "base_k", "degree": 4})


@pytest.mark.parametrize("group_size", [2, 3])
def test_noloco_follows_its_published_equations(group_size: int) -> None:
    """Δ = θ − φ; δ ← α δ + β mean(Δ) + γ (mean(φ) − φ); φ ← φ + δ; θ ← φ, with means over a group drawn each time."""
    alpha, beta, gamma, period = 0.5, 0.6, 0.4, 4
    algorithm = {
        "name": "noloco", "period": period, "outer_momentum": alpha, "outer_rate": beta, "consensus_rate": gamma,
        "group_size": group_size,
    }  # fmt: skip
    run = Run(algorithm)
    theta, phi, delta = run.start, run.start, np.zeros_like(run.start)
    for k in range(K):
        theta = theta - ETA * run.gradients(k, theta)
        if (k + 1) % period == 0:
            order = stream(7, Purpose.MATCHING, k // period).permutation(M)
            mean = np.zeros((M, M))
            for begin in range(0, M, group_size):
                group = order[begin : begin + group_size]
                mean[np.ix_(group, group)] = 1 / len(group)
            delta = alpha * delta + beta * mean @ (theta - phi) + gamma * (mean @ phi - phi)
            theta = phi = phi + delta


def test_slowmo_follows_its_published_equations() -> None:
    """Wang et al. 2019, algorithm 1 over D-PSGD: u ← β u + (x − x̄)/γ; x ← x − α γ u, every τ steps."""
    alpha, beta, period = 0.9, 0.5, 4
    run = Run({"name": "slowmo", "period": period, "slow_rate": alpha, "slow_momentum": beta})
    x, anchor, u = run.start, run.start[0], np.zeros_like(run.start[0])
    for k in range(K):
        x = RING @ (x - ETA * run.gradients(k, x))
        if (k + 1) % period == 0:
            u = beta * u + (anchor - x.mean(axis=0)) / ETA
            anchor = anchor - alpha * ETA * u
            x = np.tile(anchor, (M, 1))
