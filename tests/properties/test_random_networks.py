"""Networks that nobody thought of: many gradients at once, one at a time, and torch's own loop are one and the same."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from gossim.problems.build import build, check_gradients
from gossim.problems.dropout import drawing
from gossim.problems.supervised import SupervisedProblem
from support.drawn_networks import PARTS
from support.present import present
from support.scenarios import CPU, DIGITS, only_arm


def problem_of(keys: dict[str, Any], workers: int = 2) -> SupervisedProblem:
    model = {"name": "support.drawn_networks:drawn", **keys}
    arm = only_arm(problem={"model": model, "data": DIGITS, "batch_size": 4}, workers=workers)
    problem = build(present(arm.problem), workers, 0, "float64", CPU)
    assert isinstance(problem, SupervisedProblem)
    return problem


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4))
    frozen = draw(st.lists(st.sampled_from(range(len(parts))), unique=True, max_size=2))
    return {"parts": parts, "frozen": frozen, "lazy": draw(st.booleans())}


def by_torch(problem: SupervisedProblem, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
    """The gradient of one module in train mode, by `backward`, of what is learned."""
    network, draws = problem.fresh()
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    nn.utils.vector_to_parameters(x, learned)
    inputs, labels, keys = problem.batch([worker], [step])
    with drawing(draws, keys[0]):
        cross_entropy(network.train()(inputs[0].clone()), labels[0]).backward()
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in learned])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(keys=networks())
@example(keys={"parts": ["checkpoint", "dropout"], "frozen": [0]})
@example(keys={"parts": ["tied", "layer_norm", "batch_norm"], "frozen": [0, 1], "lazy": True})
def test_batched_one_at_a_time_and_torch(keys: dict[str, Any]) -> None:
    problem = problem_of(keys)
    check_gradients(problem)
    noise = torch.Generator().manual_seed(1)
    x = problem.initial() + 0.1 * torch.randn(3, problem.dim, dtype=torch.float64, generator=noise)
    workers, steps = [0, 1, 0], [0, 1, 7]
    state = torch.get_rng_state()
    together = problem.gradients(x, workers, steps)
    moved = x.clone()
    problem.descend(moved, workers, steps, 0.9, 0.1)
    for place, (worker, step) in enumerate(zip(workers, steps, strict=True)):
        alone = problem.gradient(x[place], worker, step)
        torch.testing.assert_close(together[place], alone, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(alone, by_torch(problem, x[place], worker, step), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(moved, 0.9 * x - 0.1 * together, rtol=1e-12, atol=1e-14)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(problem.gradients(x, workers, steps), together)
