"""A quadratic on which mistakes show: each worker has an optimum of its own, x⁰ is not 0, and what was seen is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from gossim.execute.reference import Reference
from gossim.problems.models.quadratic import Quadratic
from gossim.problems.problem import QuadraticProblem
from gossim.sim.world import World
from gossim.testing import trajectory
from support.scenarios import CPU, only_arm

DIM = 5


class Several(QuadraticProblem):
    """½ (x − x⋆_m)ᵀ A (x − x⋆_m) for worker m, with x⋆_m and x⁰ drawn from `seed`.

    `seen`: for each (worker, step) the point at which the worker's gradient of that step was taken, and the gradient.
    """

    def __init__(self, workers: int, seed: int = 0, noise: float = 0.3, dim: int = DIM):
        spec = Quadratic(dim=dim, condition_number=5.0, gradient_noise=noise)
        super().__init__(spec, [1] * workers, workers, seed, torch.float64, CPU)
        generator = torch.Generator().manual_seed(seed)
        self.optima = torch.randn(workers, dim, dtype=torch.float64, generator=generator)
        self.start = torch.randn(dim, dtype=torch.float64, generator=generator)
        self.seen: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}

    def initial(self) -> torch.Tensor:
        return self.start.clone()

    def gradients(
        self, x: torch.Tensor, workers: Sequence[int] | np.ndarray, steps: Sequence[int] | np.ndarray
    ) -> torch.Tensor:
        own = self.optima[torch.tensor(workers)]
        gradients = super().gradients(x - own + self.optimum, workers, steps)
        for worker, step, point, gradient in zip(workers, steps, x, gradients, strict=True):
            self.seen[worker, step] = point.clone(), gradient.clone()
        return gradients

    def points(self, step: int) -> torch.Tensor:
        """Where all workers took their gradients of that step, `(workers, dim)`."""
        return torch.stack([self.seen[worker, step][0] for worker in range(len(self.optima))])

    def slopes(self, step: int) -> torch.Tensor:
        """Those gradients, `(workers, dim)`."""
        return torch.stack([self.seen[worker, step][1] for worker in range(len(self.optima))])

    @property
    def whole_steps(self) -> int:
        """So many gradients have all workers begun."""
        return min(sum(worker == m for worker, _ in self.seen) for m in range(len(self.optima)))


def observed(seed: int = 0, noise: float = 0.3, **sections: Any) -> tuple[Several, World, torch.Tensor]:
    """The problem after a run with these sections, the world, and the rows of the last probe."""
    arm = only_arm(**sections)
    problem = Several(arm.workers, seed, noise)
    world, _, rows = trajectory(arm, seed=seed, problem=problem, timeline_limit=10**6)
    return problem, world, rows[-1]


def scattered(arm: Any, seed: int, start: torch.Tensor | None = None, noise: float = 0.0) -> tuple[World, Reference]:
    """A world that has not begun, and its rows: each node has a start of its own, `(nodes, dim)`, or random."""
    problem = Several(arm.workers, seed, noise, DIM if start is None else start.shape[1])
    world = World(arm, arm.algorithm, seed, problem.dim * 8, arm.until.gradient_steps)
    reference = Reference(problem, lambda rows, facts: None)
    reference.run(world.program.take())
    nodes = [*world.workers, *world.servers]
    if start is None:
        generator = torch.Generator().manual_seed(seed + 1)
        start = torch.randn(len(nodes), problem.dim, dtype=torch.float64, generator=generator)
    for node, point in zip(nodes, start, strict=True):
        reference.rows[node.row] = point.clone()
    return world, reference


def advance(world: World, reference: Reference) -> None:
    """To the next event."""
    world.clock.step()
    reference.run(world.program.take())
