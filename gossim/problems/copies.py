"""Networks that do not go together: one gradient after the other, and as many at a time as there are threads.

On a CPU a batched convolution is slower than one network after the other. And an operation that is shared out among
cores ends with the slowest of them, layer after layer. So each thread has a copy of the network, computes on one core,
and takes whole gradients: what it finds does not depend on how many threads there are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from ..errors import InputError, told
from .dropout import Draws, drawing
from .layers import learned
from .losses import Loss
from .norms import Norms, Statistics
from .threads import one_thread

Tensors = Sequence[torch.Tensor]
"""Parameters, or their gradients, in the shapes that the network has them in; in its order."""

Found = TypeVar("Found")

CONVOLUTIONS = {nn.Conv1d, nn.Conv2d, nn.Conv3d}


class Batch(NamedTuple):
    """Inputs, `(B, ...)`, labels, `(B,)`, or targets, `(B, outputs)`, and the key of what layers draw, a number."""

    inputs: torch.Tensor
    labels: torch.Tensor
    key: torch.Tensor


class Copy:
    """A network with its own parameters, whose filters and images have this `layout`."""

    def __init__(self, network: nn.Module, draws: Draws, norms: Norms | None, loss: Loss, layout: torch.memory_format):
        self.loss = loss
        self.network, self.draws, self.norms = copy.deepcopy((network, draws, norms))
        for leaf in self.network.parameters():
            leaf.data = laid_out(leaf.data, layout)
        self.layout = layout
        self.leaves = learned(self.network)

    def gradient(self, x: Tensors, batch: Batch, out: Tensors) -> None:
        """Write ∇L at `x` on `batch` into `out`."""
        for part, slope in zip(out, self._slopes(x, batch), strict=True):
            part.copy_(slope)

    @torch.no_grad()
    def descend(self, x: Tensors, batch: Batch, keep: float, rate: float) -> None:
        """Update x ← keep · x − rate · ∇L in place."""
        for part, slope in zip(x, self._slopes(x, batch), strict=True):
            if keep != 1.0:
                part.mul_(keep)
            part.add_(slope, alpha=-rate)

    @torch.enable_grad()
    def _slopes(self, x: Tensors, batch: Batch) -> Tensors:
        self._move_to(x)
        with drawing(self.draws, batch.key):
            loss = self.loss.mean(self.network(self._laid_out(batch.inputs)), batch.labels)
            return torch.autograd.grad(loss, self.leaves, allow_unused=True, materialize_grads=True)

    @torch.inference_mode()
    def logits(self, x: Tensors, inputs: torch.Tensor, statistics: Statistics) -> torch.Tensor:
        """Return the outputs `(B, classes)` at `x` without dropout, with these statistics of BatchNorm."""
        self._move_to(x)
        if self.norms is not None:
            self.norms.fix(statistics)
        self.network.eval()
        try:
            # A copy: the samples are every worker's, and a network may change its inputs.
            found: torch.Tensor = self.network(self._laid_out(inputs.clone()))
        finally:
            self.network.train()
        return found

    @torch.no_grad()
    def _move_to(self, x: Tensors) -> None:
        for leaf, part in zip(self.leaves, x, strict=True):
            leaf.copy_(part)

    def _laid_out(self, inputs: torch.Tensor) -> torch.Tensor:
        return laid_out(inputs, self.layout)


class Copies:
    """Copies of `network`, one per torch thread, but no more than there is work for."""

    def __init__(self, network: nn.Module, draws: Draws, norms: Norms | None, loss: Loss, sample: torch.Tensor):
        self.network, self.draws, self.norms, self.loss = network, draws, norms, loss
        self.layout = layout_for(network, draws, norms, loss, sample)
        self.made: list[Copy] = []

    def each(self, work: Callable[..., Found], jobs: Sequence[tuple[Any, ...]]) -> list[Found]:
        """Call `work(copy, *job)` for all `jobs`, each on one thread, several at a time."""
        threads = min(torch.get_num_threads(), len(jobs))
        with one_thread():
            if threads == 1:
                return self.in_turn(work, jobs)
            idle: SimpleQueue[Copy] = SimpleQueue()
            for number in range(threads):
                idle.put(self._copy(number))

            def at_work(job: tuple[Any, ...]) -> Found:
                mine = idle.get()
                try:
                    return work(mine, *job)
                finally:
                    idle.put(mine)

            with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return list(pool.map(at_work, jobs))

    def in_turn(self, work: Callable[..., Found], jobs: Sequence[tuple[Any, ...]]) -> list[Found]:
        """Call `work(copy, *job)` for all `jobs`, one after the other, with all threads in each operation."""
        return [work(self._copy(0), *job) for job in jobs]

    def _copy(self, number: int) -> Copy:
        while len(self.made) <= number:
            self.made.append(copied(self.network, self.draws, self.norms, self.loss, self.layout))
        return self.made[number]


def copied(network: nn.Module, draws: Draws, norms: Norms | None, loss: Loss, layout: torch.memory_format) -> Copy:
    """Return a copy. Raises InputError for a network that cannot be copied."""
    try:
        return Copy(network, draws, norms, loss, layout)
    except Exception as error:  # a user's network may hold anything
        raise InputError(f"problem.model: a copy of the network cannot be made: {told(error)}") from None


def layout_for(
    network: nn.Module, draws: Draws, norms: Norms | None, loss: Loss, sample: torch.Tensor
) -> torch.memory_format:
    """Return `channels_last`, which stores all channels of a pixel together and makes convolutions on a CPU faster; or
    torch's usual layout for networks that rely on it, as with `x.view(len(x), -1)`, and for those with GroupNorm, which
    loses more on a CPU than convolutions gain.
    """
    kinds = {type(module) for module in network.modules()}
    if not kinds & CONVOLUTIONS or nn.GroupNorm in kinds:
        return torch.contiguous_format
    laid = copied(network, draws, norms, loss, torch.channels_last)
    try:
        parts = [leaf.detach().clone() for leaf in laid.leaves]
        laid.logits(parts, sample.clone(), norms.initial(parts[0]) if norms else ())
    except RuntimeError:
        return torch.contiguous_format
    return torch.channels_last


def laid_out(x: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
    """Return `x` in this layout if it holds images or filters, with matching strides even for one channel."""
    return x.to(memory_format=layout) if x.dim() == 4 else x
