"""A network in torch's own training loop: one module in train mode, and `loss.backward()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ..errors import InputError
from .dropout import drawing
from .layers import learned
from .norms import KINDS
from .state import State, changed, state_of
from .supervised import SupervisedProblem
from .watching import Watch

ATTEMPTS = 3
"""Looks at the global generators of numpy and Python, from which another thread may draw at the same time."""


class Case(NamedTuple):
    """Parameters and a minibatch; `far` are parameters at which a network need not be able to compute."""

    x: torch.Tensor
    worker: int
    step: int
    far: bool = False


class Plain:
    """The network of a problem as its factory makes it; only the draws of its layers follow from gossim's keys."""

    def __init__(self, problem: SupervisedProblem):
        self.problem = problem
        self.network, self.draws = problem.fresh()
        self.learned = learned(self.network)

    def gradient(self, case: Case) -> torch.Tensor:
        """Return the gradient, `(dim,)`, which is 0 for a parameter that the loss does not reach."""
        self._move_to(case.x)
        self._backward(case)
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.learned]
        return torch.cat([slope.flatten() for slope in slopes])

    def _backward(self, case: Case) -> None:
        inputs, labels, keys = self.problem.batch([case.worker], [case.step])
        with drawing(self.draws, keys[0]):
            self.problem.loss.mean(self.network(inputs[0]), labels[0]).backward()

    def unreached(self) -> set[str]:
        """Return the parameters for which the latest backward pass left no gradient."""
        return {name for name, p in self.network.named_parameters() if p.requires_grad and p.grad is None}

    @torch.no_grad()
    def outputs(self, x: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Return outputs in eval mode, with statistics of BatchNorm from a pass over the same samples as gossim's,
        computed as by `update_bn` of torch.optim.swa_utils.
        """
        self._move_to(x)
        if self.problem.norms is not None:
            self._update_norms(x)
        self.network.eval()
        try:
            found: torch.Tensor = self.network(inputs.clone())
            return found
        finally:
            self.network.train()

    def _update_norms(self, x: torch.Tensor) -> None:
        norms: list[Any] = [module for module in self.network.modules() if type(module) in KINDS]
        for norm in norms:
            norm.track_running_stats, norm.momentum = True, None
            norm.running_mean, norm.running_var = x.new_zeros(norm.num_features), x.new_ones(norm.num_features)
            norm.num_batches_tracked = torch.zeros((), dtype=torch.long, device=x.device)
        for batch, key in self.problem.statistics_batches():
            with drawing(self.draws, key):
                self.network(batch)

    def refuse_state(self, case: Case) -> torch.Tensor:
        """Return the gradient. Raises InputError if computing it, or an evaluation, changes the network."""
        self._move_to(case.x)
        before = state_of(self.network)
        gradient = self.gradient(case)
        self._refuse_change(before)
        self._evaluate(case)
        self._refuse_change(before)
        return gradient

    def refuse_writes(self, case: Case) -> None:
        """Raise InputError if a gradient or an evaluation there writes into parameters or buffers, or draws random
        numbers."""
        self._move_to(case.x)
        for take in (self._backward, self._evaluate):
            for attempt in range(ATTEMPTS):
                watch = self._watch(take, case)
                drawn = None if self.problem.from_torch and take == self._backward else watch.drawn
                found = watch.written or drawn or watch.drawn_elsewhere
                if found and (attempt == ATTEMPTS - 1 or found != watch.drawn_elsewhere):
                    raise InputError(_refused(found))
                if not found:
                    break

    def _watch(self, take: Callable[[Case], object], case: Case) -> Watch:
        watch = Watch(self.network)
        try:
            with watch:
                take(case)
            watch.look_at_generators()
        finally:
            watch.leave()
        return watch

    @torch.no_grad()
    def _evaluate(self, case: Case) -> None:
        inputs, _, _ = self.problem.batch([case.worker], [case.step])
        self.network.eval()
        try:
            self.network(inputs[0])
        finally:
            self.network.train()

    @torch.no_grad()
    def _move_to(self, x: torch.Tensor) -> None:
        parts = x.split(self.problem.sizes)
        for parameter, part in zip(self.learned, parts, strict=True):
            parameter.copy_(part.view_as(parameter))
            parameter.grad = None

    def _refuse_change(self, before: State) -> None:
        found = changed(before, state_of(self.network))
        if found:
            layer, place = found
            raise InputError(_refused(f"{layer} changes {_named(place)} as it is called"))


def _named(place: str) -> str:
    for attribute, kind in (("_parameters.", "parameter"), ("_buffers.", "buffer")):
        if place.startswith(attribute):
            return f"its {kind} '{place.removeprefix(attribute)}'"
    return place if "the global" in place or "of the module" in place else f"its attribute '{place}'"


def _refused(what: str) -> str:
    return (
        f"problem.model: {what}, so that its gradient changes from call to call; it must follow from parameters and "
        "samples alone (random numbers: in train mode, from torch's global generator)"
    )
