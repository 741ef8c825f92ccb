"""Whether a loss or a metric of the user's gives the same of the same outputs, however often it was called before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..errors import InputError
from ..files.process_state import seeded
from .losses import OwnLoss
from .meters import Own
from .state import changed, state_of_function
from .supervised import SupervisedProblem
from .views import wide
from .watching import generator_moved_by


@torch.no_grad()
def refuse_inconstant(problem: SupervisedProblem) -> None:
    """Raise InputError for a loss or metric that keeps state between calls, or draws random numbers."""
    owned = [meter for meter in (make() for make in problem.meters.values()) if isinstance(meter, Own)]
    if not owned and not isinstance(problem.loss, OwnLoss):
        return
    x, (_, (inputs, labels)) = problem.initial(), problem.samples.measured
    outputs = torch.cat(list(problem.outputs(x, problem.statistics(x), inputs, problem.chunk)))
    targets = wide(labels)
    for metric in owned:

        def value(metric: Own = metric) -> float:
            meter = Own(metric.name, metric.function)
            meter.add(outputs, targets)
            return meter.value()

        _refuse(f"problem.metrics = {metric.name!r}", metric.function, value)
    if isinstance(problem.loss, OwnLoss):
        loss = problem.loss

        def losses() -> torch.Tensor:
            with torch.enable_grad():
                loss.mean(outputs.detach().requires_grad_().clone(), targets.clone())
            return loss.of_samples(outputs[: problem.chunk], targets[: problem.chunk])

        _refuse(f"problem.loss = {loss.name!r}", loss.function, losses)


def _refuse(place: str, function: Callable[..., Any], value: Callable[[], Any]) -> None:
    with seeded(0):
        first = torch.as_tensor(value())
        before = state_of_function(function)
        again = torch.as_tensor(value())
        found = changed(before, state_of_function(function))
    drawn = None if found else generator_moved_by(value)
    if found:
        why = f"changes {found[1] or 'itself'} as it is called"
    elif drawn:
        why = f"draws from {drawn}'s global generator, or seeds it"
    elif not torch.allclose(first, again, rtol=0.0, atol=0.0, equal_nan=True):
        why = "gives another result when it is called again"
    else:
        return
    raise InputError(f"{place}: {why}; it must follow from outputs and targets alone")
