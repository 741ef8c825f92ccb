"""Whether a network does here what it does in torch's own training loop; what does not is refused before anything runs.

A second network from the same factory is trained as torch's users do it (`problems.plain`). It must keep no state, and
every way of gossim's to take gradients and outputs must agree with it: at the initial parameters, beside these and far
off, and on several minibatches.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from ..errors import InputError, told
from ..files.process_state import PROCESS
from .constant import refuse_inconstant
from .keyed import normals
from .plain import Case, Plain
from .problem import Problem
from .supervised import SupervisedProblem, close
from .watching import generator_moved_by

FAR = 100.0
"""How many times as large as those beside the initial ones the far parameters are."""


def check_gradients(problem: Problem) -> None:
    """Raise InputError unless gradients can be taken, one at a time and many at once, with one and the same outcome,
    which for a user's network is that of torch's own loop."""
    with PROCESS:
        try:
            if isinstance(problem, SupervisedProblem) and not problem.known:
                _check_network(problem)
                refuse_inconstant(problem)
                problem.losses(problem.initial())  # a metric of the user's is computed once before anything is written
            else:
                x = problem.initial()
                _check_ways(problem, [Case(x, 0, 0), Case(x, 0, 1)], [])
        except InputError:
            raise
        except Exception as error:  # a user's network may do anything
            raise InputError(f"problem: no gradient can be taken: {told(error)}") from None


def unreached(problem: Problem) -> list[str]:
    """Return the parameters that the loss does not depend on; torch's optimizers leave them alone."""
    if not isinstance(problem, SupervisedProblem) or problem.known:
        return []
    plain = Plain(problem)
    plain.gradient(Case(problem.initial(), 0, 0))
    return sorted(plain.unreached())


def _check_network(problem: SupervisedProblem) -> None:
    plain, watched = Plain(problem), Plain(problem)
    _check_same(problem, plain)
    cases, gradients, missing = [], [], []
    for case in _cases(problem):
        try:
            watched.refuse_writes(case)
            gradient = plain.refuse_state(case)
        except InputError:
            raise
        except Exception:
            if case.far:
                continue
            raise
        cases.append(case)
        gradients.append(gradient)
        missing.append(plain.unreached())
    for some in missing[1:]:
        if some != missing[0]:
            raise InputError(
                f"problem.model: no gradient can be taken of '{min(some ^ missing[0])}' on some minibatches, and there "
                "torch's optimizers leave it alone; every minibatch must reach the same parameters"
            )
    _check_ways(problem, cases, gradients)
    _check_outputs(problem, plain, [cases[0].x, cases[1].x])


def _cases(problem: SupervisedProblem) -> list[Case]:
    x, last = problem.initial(), problem.workers - 1
    drawn = normals(torch.tensor([1], device=x.device), problem.dim, x.dtype)[0]
    beside = x + drawn * (0.1 * float(x.std(correction=0)) + 0.01)
    return [Case(x, 0, 0), Case(beside, last, 1), Case(beside, 0, 0), Case(FAR * beside, 0, 2, far=True)]


def _check_same(problem: SupervisedProblem, plain: Plain) -> None:
    """Refuse a factory that does not make a new network at each call, and the same one from the same seed."""
    own, other = _tensors(problem.network), _tensors(plain.network)
    shared = {id(tensor) for tensor in own.values()} & {id(tensor) for tensor in other.values()}
    if shared or set(problem.network.modules()) & set(plain.network.modules()):
        raise InputError("problem.model: its factory gives the same layers at every call; it must make new ones")
    # A BatchNorm's running statistics are in the plain network alone.
    for name, tensor in own.items():
        if name not in other or not torch.equal(tensor.nan_to_num(), other[name].nan_to_num()):
            raise InputError(
                f"problem.model: two calls of its factory with one seed differ in '{name}'; it must draw from torch's, "
                "numpy's or Python's global generator, or from one with a seed"
            )


def _tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    return {
        **dict(network.named_parameters(remove_duplicate=False)),
        **dict(network.named_buffers(remove_duplicate=False)),
    }


def _check_ways(problem: Problem, cases: list[Case], gradients: list[torch.Tensor]) -> None:
    """Refuse a network whose gradient differs between one at a time, the same again, all together, and `gradients`."""
    rows, (workers, steps) = (
        torch.stack([case.x for case in cases]),
        ([c.worker for c in cases], [c.step for c in cases]),
    )
    kept = rows.clone()
    alone = [problem.gradient(row, worker, step) for row, worker, step in zip(rows, workers, steps, strict=True)]
    together = problem.gradients(rows, workers, steps)
    again = problem.gradient(rows[0], workers[0], steps[0])
    moved = rows.clone()
    problem.descend(moved, workers, steps, 1.0, 0.0)
    still_finite = (kept - 0.0 * together).isfinite()
    if not (torch.equal(rows, kept) and _same(again, alone[0]) and torch.equal(moved.isfinite(), still_finite)):
        raise InputError(
            "problem.model: its gradient changes from call to call; it must follow from parameters and samples alone"
        )
    for place, case in enumerate(cases):
        if case.far and problem.dtype != torch.float64:
            continue  # sums there cancel to nothing in single precision
        for expected in gradients[place : place + 1]:
            _compare(problem, expected, alone[place], "that of torch's own training loop")
        _compare(problem, alone[place], together[place], "the same for several workers at once")


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether both are equal to the bit, including NaN."""
    return torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)


def _compare(problem: Problem, expected: torch.Tensor, found: torch.Tensor, wanted: str) -> None:
    if close(expected, found):
        return
    sizes = list(problem.layers.values())
    worst = {
        name: float((one - other).abs().nan_to_num(math.inf).max())
        for name, one, other in zip(problem.layers, expected.split(sizes), found.split(sizes), strict=True)
        if len(one)
    }
    name = max(worst, key=lambda each: worst[each])
    raise InputError(
        f"problem.model: the gradient of '{name}' is not {wanted}, or changes from call to call; it must follow from "
        "parameters and samples alone"
    )


def _check_outputs(problem: SupervisedProblem, plain: Plain, points: list[torch.Tensor]) -> None:
    """Refuse a network whose output for a sample depends on the others evaluated with it."""
    inputs = problem.samples.test_x[: problem.chunk]
    before = inputs.clone()
    x, statistics = points[0], problem.statistics(points[0])
    drawn = generator_moved_by(lambda: list(problem.outputs(x, statistics, inputs, problem.chunk)))
    if drawn:
        raise InputError(f"problem.model: in eval mode it draws from {drawn}'s global generator, or seeds it")
    for x in points:
        statistics = problem.statistics(x)
        whole, again, pieces = (
            torch.cat(list(problem.outputs(x, statistics, inputs, chunk)))
            for chunk in (problem.chunk, problem.chunk, 7)
        )
        if not _same(again, whole):
            raise InputError("problem.model: in eval mode its outputs for the same samples change from call to call")
        if not close(whole, pieces):
            raise InputError(
                "problem.model: in eval mode its outputs for a sample depend on the other samples that are evaluated "
                "with it, so that the losses would depend on how many these are (normalise by GroupNorm or BatchNorm)"
            )
        if not close(plain.outputs(x, problem.samples.central(inputs)), whole):
            raise InputError(
                "problem.model: its outputs in eval mode are not those of the network by itself; a layer with dropout "
                "or BatchNorm may be kept in two places"
            )
    if not torch.equal(inputs, before):
        raise InputError("problem.model: it changes the samples that it is given")
