"""Limits in which one algorithm of the family must do what another does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from support.scenarios import only_arm
from support.several import Several, advance, observed, scattered

EXACT: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}
NEVER_S = 1e6
RING: dict[str, Any] = {"topology": {"name": "ring", "mixing": "uniform"}}
COMPLETE: dict[str, Any] = {"topology": {"name": "complete", "mixing": "uniform"}}
EQUAL = {"compute": {"time_s": 0.1}, "network": {"latency_s": 0.0, "bandwidth_bytes_per_s": None}}
NESTEROV = {"learning_rate": 0.7, "momentum": 0.9, "nesterov": True}
SILENT = {"network": {"latency_s": NEVER_S, "bandwidth_bytes_per_s": None}}


def same_points(one: Several, other: Several, least: int) -> None:
    """Both took every gradient that both took at the same point, and each worker at `least` so many."""
    assert min(one.whole_steps, other.whole_steps) >= least
    for place in one.seen.keys() & other.seen.keys():
        torch.testing.assert_close(one.seen[place][0], other.seen[place][0], **EXACT)


def computing(world: Any) -> list[tuple[int, float, float]]:
    """(worker, start, end) of each gradient but the last that ended."""
    return [(i.worker, i.start_s, i.end_s) for i in world.timeline.intervals if i.activity == "computing"]


PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "allreduce, by the mean of gradients or of x": (
        {"name": "local_sgd", "period": 1},
        {"name": "allreduce"},
        {},
    ),
    "a server that waits for all": (
        {"name": "ssp", "staleness": 0, "gradient_scale": 0.25},
        {"name": "allreduce"},
        {},
    ),
    "a server that waits for nobody": (
        {"name": "ssp", "staleness": None, "gradient_scale": 0.3},
        {"name": "downpour", "gradient_scale": 0.3},
        {},
    ),
    "a server so patient that it never waits": (
        {"name": "ssp", "staleness": 10**6, "gradient_scale": 0.3},
        {"name": "downpour", "gradient_scale": 0.3},
        {},
    ),
    "all are neighbours": (
        {"name": "dpsgd", "order": "adapt_then_combine"},
        {"name": "local_sgd", "period": 1},
        COMPLETE,
    ),
    "global averaging in every round": (
        {"name": "gossip_pga", "period": 1},
        {"name": "local_sgd", "period": 1},
        RING,
    ),
    "global averaging never": (
        {"name": "gossip_pga", "period": 10**6},
        {"name": "dpsgd", "order": "adapt_then_combine"},
        RING,
    ),
    "push-sum on a regular graph": (
        {"name": "sgp"},
        {"name": "dpsgd", "order": "adapt_then_combine"},
        RING,
    ),
    "an outer step of 1": (
        {"name": "diloco", "period": 3, "outer": {"learning_rate": 1.0}},
        {"name": "local_sgd", "period": 3},
        {},
    ),
    "a slow momentum of nothing": (
        {"name": "slowmo", "period": 3, "slow_momentum": 0.0},
        {"name": "gossip_pga", "period": 3},
        RING,
    ),
    "a slow momentum over local steps": (
        {"name": "slowmo", "period": 3, "base": "local_sgd", "slow_rate": 0.8, "slow_momentum": 0.6},
        {"name": "diloco", "period": 3, "outer": {"learning_rate": 0.8, "momentum": 0.6}},
        {},
    ),
    "pairs of all": (
        {"name": "noloco", "period": 3, "group_size": 4, "consensus_rate": 0.0},
        {"name": "diloco", "period": 3, "outer": {"learning_rate": 0.7, "momentum": 0.5}},
        {},
    ),
    "a buffer of one": (
        {"name": "fedbuff", "local_steps": 1, "buffer": 1, "staleness_weight": "none"},
        {"name": "downpour"},
        {},
    ),
    "a Nesterov momentum of nothing": (
        {"name": "async_local_sgd", "local_steps": 1, "delay": 1, "server_rate": 1.0, "server_momentum": 0.0},
        {"name": "downpour"},
        {},
    ),
    "no gradient too late": (
        {"name": "ringmaster", "delay_bound": 10**6},
        {"name": "downpour"},
        {},
    ),
    "no neighbour that is not waited for": (
        {"name": "hop", "backup": 0, "gap": 1},
        {"name": "dpsgd"},
        RING,
    ),
    "a random group of all": (
        {"name": "prague", "group_size": 4, "period": 3},
        {"name": "local_sgd", "period": 3},
        {},
    ),
    "nobody late for a sum": (
        {"name": "eager_sgd", "trigger": "solo"},
        {"name": "allreduce"},
        EQUAL,
    ),
    "nobody late for a sum that one drawn begins": (
        {"name": "eager_sgd"},
        {"name": "allreduce"},
        EQUAL,
    ),
    "a quorum of all": (
        {"name": "decoupled_diloco", "period": 4, "quorum": 4, "fragments": 2, "mix": 0.3, "average": "mean"},
        {"name": "diloco", "period": 4, "fragments": 2, "mix": 0.3, "overlap_steps": 1, "outer": NESTEROV},
        EQUAL,
    ),
    "one group of all": (
        {"name": "hierarchical", "group_size": 4, "push_probability": 0.0},
        {"name": "local_sgd", "period": 1},
        {},
    ),
    "each a group": (
        {"name": "hierarchical", "group_size": 1, "push_probability": 0.6},
        {"name": "gosgd_push", "push_probability": 0.6},
        {},
    ),
    "one cube of all": (
        {"name": "moshpit", "group_size": 4, "period": 2},
        {"name": "local_sgd", "period": 2},
        {},
    ),
    "groups of larger size than there are workers": (
        {"name": "moshpit", "group_size": 7, "period": 2},
        {"name": "local_sgd", "period": 2},
        {},
    ),
    "a centre that does not pull": (
        {"name": "easgd", "period": 2, "moving_rate": 0.0},
        {"name": "sgd"},
        {},
    ),
    "public copies that nobody follows": (
        {"name": "choco", "compression": "none", "consensus_step": 0.0},
        {"name": "sgd"},
        RING,
    ),
    "public copies without compression": (
        {"name": "choco", "compression": "none", "consensus_step": 1.0},
        {"name": "dpsgd", "order": "adapt_then_combine"},
        RING,
    ),
    "letters that never arrive": ({"name": "epidemic", "peers": 2}, {"name": "sgd"}, SILENT),
    "weights that never arrive": (
        {"name": "gosgd_push", "push_probability": 0.5},
        {"name": "sgd"},
        SILENT,
    ),
}
"""Two algorithms that must agree, and the settings under which they must."""

SAME_TIMES = [
    "allreduce, by the mean of gradients or of x",
    "a server that waits for nobody",
    "a server so patient that it never waits",
    "global averaging in every round",
    "global averaging never",
    "push-sum on a regular graph",
    "an outer step of 1",
    "no neighbour that is not waited for",
    "a random group of all",
    "nobody late for a sum",
    "nobody late for a sum that one drawn begins",
    "one group of all",
    "each a group",
    "one cube of all",
    "groups of larger size than there are workers",
    "public copies without compression",
    "letters that never arrive",
    "weights that never arrive",
]


@pytest.mark.parametrize("why", PAIRS)
def test_two_algorithms_that_coincide_in_a_limit_take_the_same_path(why: str) -> None:
    one, other, sections = PAIRS[why]
    runs = [observed(algorithm=each, until={"gradient_steps": 80}, **sections) for each in (one, other)]
    same_points(runs[0][0], runs[1][0], least=10)
    if why in SAME_TIMES:
        both = min(len(computing(world)) for _, world, _ in runs) - 2 * runs[0][1].context.settings.workers
        assert both > 40
        assert computing(runs[0][1])[:both] == computing(runs[1][1])[:both]


def test_two_that_do_not_agree() -> None:
    """The comparison can fail: another period, and another order."""
    local = observed(algorithm={"name": "local_sgd", "period": 1})[0]
    for other in ({"name": "local_sgd", "period": 2}, {"name": "dpsgd"}):
        with pytest.raises(AssertionError, match="not close"):
            same_points(local, observed(algorithm=other, **COMPLETE)[0], least=5)


def test_alone_diloco_with_an_outer_step_of_one_is_sgd() -> None:
    outer = {"name": "diloco", "period": 3, "outer": {"learning_rate": 1.0}}
    runs = [observed(algorithm=each, workers=1) for each in (outer, {"name": "sgd"})]
    same_points(runs[0][0], runs[1][0], least=40)


@pytest.mark.parametrize("step", [0.25, 0.7])
def test_choco_without_compression_mixes_by_a_lazier_matrix(step: float) -> None:
    """I + γ(W − I), W_ij = 1/3 on a ring: dpsgd on it, written down here."""
    workers, eta = 5, 0.05
    problem, _, _ = observed(
        algorithm={"name": "choco", "compression": "none", "consensus_step": step},
        workers=workers,
        until={"gradient_steps": 100},
        **RING,
    )
    cycle = np.roll(np.eye(workers), 1, axis=0)
    weights = np.eye(workers) + step * ((np.eye(workers) + cycle + cycle.T) / 3 - np.eye(workers))
    x = np.tile(problem.initial().numpy(), (workers, 1))
    for k in range(19):
        np.testing.assert_allclose(problem.points(k).numpy(), x, **EXACT)
        x = weights @ (x - eta * problem.slopes(k).numpy())


@pytest.mark.parametrize(("workers", "group_size"), [(4, 2), (8, 2), (9, 3)])
def test_moshpit_rounds_over_all_digits_average_exactly(workers: int, group_size: int) -> None:
    """M = g^d: d rounds, and not d − 1."""
    digits = round(np.log(workers) / np.log(group_size))
    arm = only_arm(
        algorithm={"name": "moshpit", "group_size": group_size},
        workers=workers,
        optimizer={"learning_rate": 0.0},
        until={"gradient_steps": (digits + 2) * workers},
    )
    world, reference = scattered(arm, seed=3)
    mean = torch.stack([reference.rows[worker.row] for worker in world.workers]).mean(dim=0)
    while not world.finished:
        advance(world, reference)
    problem = reference.problem
    assert isinstance(problem, Several)
    torch.testing.assert_close(problem.points(digits), mean.expand(workers, -1), rtol=0, atol=1e-12)
    assert float((problem.points(digits - 1) - mean).abs().max()) > 0.01


def test_two_workers_of_adpsgd_by_hand() -> None:
    """Worker 0 computes 0.2 s and worker 1 0.3 s, and messages take no time: averaging as each begins, then steps."""
    eta = 0.05
    problem, world, rows = observed(
        noise=0.0,
        algorithm={"name": "adpsgd"},
        workers=2,
        compute={"time_s": 0.2, "stragglers": [{"workers": [1], "factor": 1.5}]},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
        until={"time_s": 0.65},
    )

    def slope(m: int, x: torch.Tensor) -> torch.Tensor:
        return problem.curvatures * (x - problem.optima[m])

    start = problem.initial()  # at 0 s both average what is the same
    after_02 = start - eta * slope(0, start)
    held = (after_02 + start) / 2  # worker 0 begins again: both are half way
    after_03 = held - eta * slope(1, start)  # its gradient is from before
    middle = (held + after_03) / 2
    after_04 = middle - eta * slope(0, after_02)
    both = (after_04 + middle) / 2
    # At 0.6 s both end; whatever their order, each has taken its step by then, and each begins with an averaging.
    ended = 2 * both - eta * (slope(0, after_04) + slope(1, after_03))
    torch.testing.assert_close(rows.sum(dim=0), ended, **EXACT)
    torch.testing.assert_close(problem.seen[0, 2][0], after_04, **EXACT)
    torch.testing.assert_close(problem.seen[1, 1][0], after_03, **EXACT)
    assert world.gradient_steps == 5


def test_different_data_mislead_dpsgd_and_not_gradient_tracking() -> None:
    """The optimum of all is the mean of the workers' optima; without noise only gradient tracking goes there."""
    distance = {}
    for name in ("dpsgd", "gradient_tracking"):
        problem, _, rows = observed(
            noise=0.0,
            algorithm={"name": name},
            workers=6,
            until={"gradient_steps": 4800},
            optimizer={"learning_rate": 0.04},
            topology="ring",
        )
        distance[name] = float((rows - problem.optima.mean(dim=0)).abs().max())
    assert distance["gradient_tracking"] < 1e-9
    assert distance["dpsgd"] > 0.01
