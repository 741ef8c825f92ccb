"""What the numeric plane measures at a probe."""

from __future__ import annotations

import math

import torch

from ..errors import Diverged
from ..problems.problem import Problem
from ..settings import ProbeSettings
from ..sim.probe_facts import Facts
from ..tables.probe_rows import Measurements, Observations


class Recorder:
    """Measures probed rows and adds them to `observed`; `probe` says what else is measured."""

    def __init__(self, problem: Problem, observed: Observations, probe: ProbeSettings):
        self.problem = problem
        self.observed = observed
        self.probe = probe

    def measure(self, rows: torch.Tensor, facts: Facts) -> None:
        """Record a probe of `rows`, `(workers, dim)` or, with a server's, `(workers + 1, dim)`: distances from the mean
        of the workers that take part, each with its share, and losses of this mean or of the server's parameters.

        Raises Diverged, and records nothing, if it is not finite."""
        present = facts.participants
        # As offsets from the first: equal rows are then at a distance of exactly 0, whatever their number.
        first = rows[present[0]].double()
        model = rows[-1] if facts.served else None
        rows = rows[: len(facts.by_worker.steps)]
        offsets = rows.to(torch.float64, copy=True).sub_(first)
        among = offsets if len(present) == len(rows) else offsets[present]
        if facts.counts_for is None:
            drift = among.mean(dim=0)
        else:
            drift = torch.tensor(facts.shares, dtype=among.dtype, device=among.device) @ among
        mean = first + drift
        offsets.sub_(drift)  # in place, as above: of many rows each copy takes longer than the arithmetic
        distances = torch.linalg.vector_norm(offsets, dim=1).tolist()
        losses = self.problem.losses(mean.to(rows.dtype) if model is None else model)
        if losses.diverged or not all(map(math.isfinite, distances)):
            raise Diverged(facts.time_s, facts.gradient_steps)
        measured = Measurements(distances, losses.columns())
        if self.probe.gradient_gap:
            measured = measured._replace(gaps=self._gaps(rows, mean.to(rows.dtype), facts))
        if self.probe.layers:
            measured = measured._replace(layers=self._layers(offsets[present]))
        self.observed.add(facts, measured)

    def _gaps(self, rows: torch.Tensor, mean: torch.Tensor, facts: Facts) -> list[tuple[float, float]]:
        """Return ‖∇L^m(x_m) − ∇L^m(x̄)‖ and ‖∇L^m(x̄)‖ on each worker's next minibatch. Gradients follow from (seed,
        worker, step), so the worker later takes its own gradient on the same minibatch, unaffected.
        """
        present = facts.participants
        steps = [facts.by_worker.gradients[worker] for worker in present]
        # Two calls of one shape: where all parameters are equal, so are the gradients, to the bit.
        own = self.problem.gradients(rows[present], present, steps).double()
        common = self.problem.gradients(mean.expand(len(present), -1).contiguous(), present, steps).double()
        gaps, norms = (torch.linalg.vector_norm(g, dim=1).tolist() for g in (own - common, common))
        return list(zip(gaps, norms, strict=True))

    def _layers(self, offsets: torch.Tensor) -> dict[str, float]:
        """Return the mean over workers of the norm of each part of `offsets` from the mean, `(workers, dim)`."""
        layers = self.problem.layers
        parts = offsets.split(list(layers.values()), dim=1)
        distances = [float(torch.linalg.vector_norm(part, dim=1).mean()) for part in parts]
        return dict(zip(layers, distances, strict=True))
