"""A network that learns from minibatches, and the way in which gradients of many workers are computed.

The way is chosen by trying, and is a function of the scenario and the network, never of how fast a machine is: each
way rounds sums in its own order, and a run must have the same bytes everywhere. Networks of linear layers with ReLU
have formulas of their own (`problems.dense`). Others go together by `vmap` if it gives the gradients that each has
alone, and if one gradient is little work, so that calling its operations is what costs: on a CPU, if it keeps at most
TOGETHER_BYTES of activations and has no convolutions. All else goes one network after the other (`problems.copies`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, vmap

from ..errors import InputError, told
from ..files.process_state import seeded
from ..rng import Purpose, key
from .copies import CONVOLUTIONS, Batch, Copies, Copy
from .dense import Dense
from .dropout import Draws, FromTorch, drawing, make_reproducible
from .keyed import StepKeys, mix, normals
from .layers import in_train_mode, real_as, refuse_unfit
from .lazy import give_shapes
from .losses import CrossEntropy, Loss, OwnLoss
from .mapped import Mapped
from .meters import Meter, meter_of
from .metrics import Metric
from .minibatches import SAMPLINGS, OfEachSize, Sampling
from .models import ModelSpec
from .norms import Statistics, replace_norms, statistics_batches
from .problem import Losses, Numbers, Problem
from .threads import one_thread
from .trial import tried
from .views import Samples, wide

EVALUATION_CHUNK = 1000
"""Samples that are evaluated at once."""

CONVOLUTION_CHUNK = 50
"""The same for networks with convolutions on a CPU, whose activations are to stay in its cache."""

CHUNKS = 16
"""How many of these are shared out among threads before their outputs are used: all there are would take memory."""

TOGETHER_BYTES = 2**24
"""Of activations that one gradient keeps on a CPU; more take longer together than one after the other."""

PIECE_BYTES = 2**25
"""The same of all that go together at once: what is larger than the caches is slower than the calls that it saves."""

OUTPUT_BYTES = 2**27
"""Of activations that evaluating some samples at once may take, by what a gradient of them would keep."""

DENSE_PIECE_BYTES = 2**21
"""Of rows whose linear layers are moved at once on a CPU: rows, gradients and activations stay in a core's cache."""


class SupervisedProblem(Problem):
    """The mean loss of a network over a minibatch, as a function of its parameters in one vector."""

    def __init__(
        self,
        spec: ModelSpec,
        samples: Samples,
        loss: Loss,
        metrics: Sequence[Metric],
        assigned: list[np.ndarray],
        drawing: tuple[Sequence[int], Sampling],
        seed: int,
    ):
        self.samples = samples
        self.dtype, self.device = samples.dtype, samples.device
        self.spec, self.loss, self.seed = spec, loss, seed
        self.from_torch = False
        self.meters = {metric.column: meter_of(metric) for metric in metrics}
        self.known = spec.known and loss.known and not any(":" in metric.name for metric in metrics)
        self._make()
        if not self.parameters:
            raise InputError("problem.model: the network has no parameters to learn")
        sizes, sampling = drawing
        self.batch_sizes = np.array(sizes)
        self.sizes = [p.numel() for p in self.parameters.values()]
        self.dim = sum(self.sizes)
        drawn = {size: SAMPLINGS[sampling](assigned, samples.views, size, seed) for size in dict.fromkeys(sizes)}
        self.minibatches = drawn[sizes[0]] if len(drawn) == 1 else OfEachSize(drawn, self.batch_sizes)
        self.workers = len(assigned)
        self.keys = StepKeys(seed, Purpose.DROPOUT, len(assigned), self.device)
        self.convolutions = any(isinstance(module, tuple(CONVOLUTIONS)) for module in self.network.modules())
        by_hand = samples.task == "classification" and type(loss) is CrossEntropy
        self.dense = Dense.of(self.network) if by_hand else None
        if self.dense:
            self.piece_bytes = DENSE_PIECE_BYTES
        self._check_output()
        self.one_by_one: Copies | None = None
        self.at_once = 2**62  # rows that go together
        self.chunk = EVALUATION_CHUNK
        if not self.dense:
            self._choose(max(sizes))
        self.large_operations = self.convolutions or self.one_by_one is not None

    def _choose(self, batch_size: int) -> None:
        """Choose the way that gradients are computed."""
        on_cpu, few = self.device.type == "cpu", np.arange(2) % len(self.samples.train_x)
        network, draws = self.fresh()
        trial = tried(network, draws, self.loss, *self.samples.batch(few, np.zeros(2, np.int64)))
        self.from_torch = trial.from_torch
        each = max(1, trial.kept_bytes * batch_size // len(few))
        self.chunk = min(self.chunk, max(1, OUTPUT_BYTES * len(few) // max(1, trial.kept_bytes)))
        if on_cpu:
            self.at_once = max(1, PIECE_BYTES // each)
        alone = self.from_torch or (on_cpu and (self.convolutions or each > TOGETHER_BYTES)) or not self._go_together()
        self._make()  # as new: it may keep what the trial has left
        if alone:
            sample = self.samples.central(self.samples.test_x[:2])
            self.one_by_one = Copies(self.network, self.draws, self.norms, self.loss, sample)
        if alone and self.convolutions:
            self.chunk = CONVOLUTION_CHUNK

    def _make(self) -> None:
        self.network, self.draws = self.fresh()
        self.norms = replace_norms(self.network)
        self.parameters = {name: p for name, p in self.network.named_parameters() if p.requires_grad}

    def fresh(self) -> tuple[nn.Module, Draws]:
        """Return the network as its factory makes it with this seed, and how its layers draw."""
        samples = self.samples
        network = initialised(
            self.spec, samples.shape, samples.classes, self.seed, lambda: not samples.train_x.is_floating_point()
        )
        in_train_mode(network)
        draws: Draws = FromTorch(self.device) if self.from_torch else make_reproducible(network)
        if self.from_torch:
            refuse_unfit(network)
        return real_as(network.to(self.device), self.dtype), draws

    @property
    def layers(self) -> dict[str, int]:
        return dict(zip(self.parameters, self.sizes, strict=True))

    def initial(self) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters.values()])

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        inputs, labels, keys = self.batch([worker], [step])
        if not self.one_by_one:
            return self._gradient(x, inputs[0], labels[0], keys[0])
        # A checkpoint runs layers once more in the backward pass, where `functional_call` has given theirs back.
        out = torch.empty_like(x)
        batch = Batch(inputs[0], labels[0], keys[0])
        self.one_by_one.in_turn(Copy.gradient, [(self._parts(x), batch, self._parts(out))])
        return out

    def gradients(self, x: torch.Tensor, workers: Numbers, steps: Numbers) -> torch.Tensor:
        if parts := self._of_one_size(workers):
            out = torch.empty_like(x)
            for places, own, of in self._parts_of(parts, x, workers, steps):
                out[places] = self.gradients(own, *of)
            return out
        inputs, labels, keys = self.batch(workers, steps)
        if self.dense:
            return self.dense.gradients(x, inputs, labels)
        if self.one_by_one:
            out = torch.empty_like(x)
            batches = map(Batch, inputs, labels, keys)
            self._alone(self.one_by_one, Copy.gradient, list(zip(self._rows(x), batches, self._rows(out), strict=True)))
            return out
        if len(workers) == 1:
            return self._gradient(x[0], inputs[0], labels[0], keys[0]).unsqueeze(0)
        pieces = [
            torch.cat([slope.reshape(len(rows), -1) for slope in slopes], dim=1)
            for rows, slopes in self._together(x, inputs, labels, keys)
        ]
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def descend(self, x: torch.Tensor, workers: Numbers, steps: Numbers, keep: float, rate: float) -> None:
        if not self.dense and len(workers) == 1 and not self.one_by_one:
            return super().descend(x, workers, steps, keep, rate)
        if parts := self._of_one_size(workers):
            for places, own, of in self._parts_of(parts, x, workers, steps):
                self.descend(own, *of, keep, rate)
                x[places] = own
            return None
        inputs, labels, keys = self.batch(workers, steps)
        if self.dense:
            return self.dense.descend(x, inputs, labels, keep, rate)
        if self.one_by_one:
            batches = map(Batch, inputs, labels, keys)
            jobs = [(row, batch, keep, rate) for row, batch in zip(self._rows(x), batches, strict=True)]
            return self._alone(self.one_by_one, Copy.descend, jobs)
        for rows, slopes in self._together(x, inputs, labels, keys):
            for part, slope in zip(self._parts(rows), slopes, strict=True):
                if keep != 1.0:
                    part.mul_(keep)
                part.add_(slope, alpha=-rate)
        return None

    def _of_one_size(self, workers: Numbers) -> list[np.ndarray]:
        """Return the places of those among `workers` whose minibatches have one size, size by size; empty if all have
        the same.
        """
        if not isinstance(self.minibatches, OfEachSize):
            return []
        sizes = self.batch_sizes[np.asarray(workers)]
        found = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
        return found if len(found) > 1 else []

    def _parts_of(
        self, parts: list[np.ndarray], x: torch.Tensor, workers: Numbers, steps: Numbers
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, tuple[np.ndarray, np.ndarray]]]:
        """Return for each part its places, a copy of its rows of `x`, and its workers and steps."""
        for part in parts:
            places = torch.from_numpy(part).to(x.device)
            yield places, x.index_select(0, places), (np.asarray(workers)[part], np.asarray(steps)[part])

    def losses(self, x: torch.Tensor) -> Losses:
        statistics = self.statistics(x)
        meters = {column: make() for column, make in self.meters.items()}
        self.samples.require_unchanged()
        train, test = self.samples.measured
        train_loss = self._evaluate(x, statistics, *train, ())
        test_loss = self._evaluate(x, statistics, *test, meters.values())
        metrics = {column: meter.value() for column, meter in meters.items()}
        return Losses(train_loss, test_loss, metrics.pop("test_accuracy", None), metrics)

    @torch.no_grad()
    def statistics(self, x: torch.Tensor) -> Statistics:
        """Return the statistics of BatchNorm at `x`, from a pass in train mode over `statistics_batches`; see
        `problems.norms`.
        """
        if self.norms is None:
            return ()
        parameters = self._unflatten(self._own(x))
        with one_thread(), self.norms.collecting():
            for inputs, draws_key in self.statistics_batches():
                with drawing(self.draws, draws_key):
                    functional_call(self.network, parameters, inputs)
            return self.norms.means(x)

    def statistics_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Return the samples for the statistics of BatchNorm, batch by batch, and the keys of what layers draw."""
        first = key(self.seed, Purpose.STATISTICS)
        for number, indices in enumerate(statistics_batches(len(self.samples.train_x))):
            index = torch.from_numpy(indices).to(self.device)
            inputs = self.samples.central(self.samples.train_x.index_select(0, index))
            yield inputs, mix(torch.tensor(first ^ number, device=self.device))

    def _go_together(self) -> bool:
        """Return whether `vmap` has rules for all operations of the network, and correct ones as far as a trial
        shows.
        """
        x = self.initial()
        rows = torch.stack([x, x + 0.1 * normals(torch.tensor([1], device=self.device), self.dim, self.dtype)[0]])
        try:
            together = self.gradients(rows, [0, 0], [0, 1])
            alone = [self.gradient(row, 0, step) for step, row in enumerate(rows)]
        except Exception:  # what is wrong with the network itself is seen when its gradients are checked
            return False
        return all(close(one, other) for one, other in zip(alone, together, strict=True))

    def _own(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x`, or a copy for a user's network, which may write into its parameters or its inputs."""
        return x if self.known else x.clone()

    def batch(self, workers: Numbers, steps: Numbers) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs, labels = self.samples.batch(*self.minibatches.indices(workers, steps))
        if self.draws is None:
            return inputs, labels, labels.new_zeros(len(workers))
        return inputs, labels, self.keys(*(torch.tensor(n, device=self.device) for n in (workers, steps)))

    def _gradient(
        self, x: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor, draws_key: torch.Tensor
    ) -> torch.Tensor:
        leaves = {name: part.detach().requires_grad_() for name, part in self._unflatten(self._own(x.detach())).items()}
        with drawing(self.draws, draws_key):
            outputs = functional_call(self.network, leaves, inputs)
            loss = self.loss.mean(outputs, labels)
            slopes = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
        return torch.cat([slope.flatten() for slope in slopes])

    def _alone(self, copies: Copies, work: Callable[..., None], jobs: Sequence[tuple[Any, ...]]) -> None:
        """Compute gradients one by one. A single worker has all threads for each convolution; otherwise each has one
        thread for its whole gradient. Networks that draw from torch's global generator take turns.
        """
        if self.device.type != "cpu" or (self.workers == 1 and self.convolutions):
            copies.in_turn(work, jobs)
        elif self.from_torch:
            with one_thread():
                copies.in_turn(work, jobs)
        else:
            copies.each(work, jobs)

    def _together(
        self, x: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor, keys: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, Sequence[torch.Tensor]]]:
        """Yield rows of `x`, at most `at_once`, with their gradients, `(rows, *shape)` for each parameter."""
        count = -(-len(x) // self.at_once)
        for piece in np.array_split(np.arange(len(x)), count):
            here = slice(int(piece[0]), int(piece[-1]) + 1)
            rows = self._unflatten(self._own(x[here]))
            leaves = {name: part.detach().requires_grad_() for name, part in rows.items()}
            # No loss depends on another's parameters: the gradient of their sum is the gradient of each.
            total = vmap(self._loss_of_one)(leaves, inputs[here], labels[here], keys[here]).sum()
            yield x[here], torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)

    def _rows(self, x: torch.Tensor) -> list[list[torch.Tensor]]:
        return [self._parts(row) for row in x]

    def _parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        return list(self._unflatten(x).values())

    def _loss_of_one(
        self, parameters: dict[str, torch.Tensor], inputs: torch.Tensor, labels: torch.Tensor, draws_key: torch.Tensor
    ) -> torch.Tensor:
        with drawing(self.draws, draws_key):
            return self.loss.mean_for_vmap(functional_call(self.network, parameters, inputs), labels)

    def _unflatten(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of `x`, `(..., dim)`, in the shapes of the parameters, `(..., *shape)`."""
        parts = x.split(self.sizes, dim=-1)
        shaped = zip(self.parameters.items(), parts, strict=True)
        return {name: part.unflatten(-1, p.shape) if p.dim() else part[..., 0] for (name, p), part in shaped}

    @torch.no_grad()
    def _evaluate(
        self,
        x: torch.Tensor,
        statistics: Statistics,
        inputs: torch.Tensor | Mapped,
        labels: torch.Tensor,
        meters: Collection[Meter],
    ) -> float:
        """Return the mean loss, and give the outputs for each sample to `meters`."""
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        answers = map(wide, labels.split(self.chunk))
        for outputs, targets in zip(self.outputs(x, statistics, inputs, self.chunk), answers, strict=True):
            loss = loss + self.loss.of_samples(outputs, targets).double().sum()
            for meter in meters:
                meter.add(outputs, targets)
        return float(loss) / len(labels)

    @torch.no_grad()
    def outputs(
        self, x: torch.Tensor, statistics: Statistics, inputs: torch.Tensor | Mapped, chunk: int
    ) -> Iterator[torch.Tensor]:
        """Return logits in eval mode, computed `chunk` samples at a time."""
        central = self.samples.central
        if self.one_by_one:
            parts, cut = self._parts(x), inputs.split(chunk)
            for some in (cut[first : first + CHUNKS] for first in range(0, len(cut), CHUNKS)):
                yield from self.one_by_one.each(Copy.logits, [(parts, central(part), statistics) for part in some])
            return
        parameters = self._unflatten(self._own(x))
        if self.norms is not None:
            self.norms.fix(statistics)
        self.network.eval()
        try:
            for part in inputs.split(chunk):
                yield functional_call(self.network, parameters, self._own(central(part)))
        finally:
            self.network.train()

    def _check_output(self) -> None:
        # One of its own: a user's network may write into its parameters.
        network, _ = self.fresh()
        sample = self.samples.central(self.samples.test_x[:2])
        try:
            with torch.no_grad():
                output = network.eval()(sample.clone())
            network.train()  # the same layers may be in another network, and are refused for that
        except Exception as error:  # a user's network may do anything
            raise InputError(
                f"problem.model: does not take samples of shape {self.samples.shape}: {told(error)}"
            ) from None
        if not isinstance(output, torch.Tensor):
            raise InputError(f"problem.model: gives a {type(output).__name__}, not a tensor of logits")
        wanted = (len(sample), *self.samples.output_shape)
        if tuple(output.shape) != wanted or not output.is_floating_point():
            what = "numbers" if self.samples.task == "regression" else "logits"
            raise InputError(
                f"problem.model: gives {output.dtype} of shape {tuple(output.shape)} for {len(sample)} samples, not "
                f"{wanted} {what}"
            )
        if isinstance(self.loss, OwnLoss):
            with seeded(0):  # it may draw, and is refused for that later
                self.loss.check(output, wide(self.samples.test_y[: len(sample)]))


RTOL, ATOL = 1e-3, 1e-4
"""Of gradients and outputs; the latter as a share of the largest number."""


def close(expected: torch.Tensor, found: torch.Tensor) -> bool:
    """Return whether both are equal except for rounding in sums."""
    largest = float(expected.abs().nan_to_num(0.0).max()) if expected.numel() else 0.0
    return torch.allclose(expected, found, rtol=RTOL, atol=ATOL * largest, equal_nan=True)


def initialised(
    spec: ModelSpec, shape: tuple[int, ...], classes: int, seed: int, tokens: Callable[[], bool] = lambda: False
) -> nn.Module:
    """Return the network with its parameters, also of lazy layers, drawn from the stream (seed, initialisation).

    Layers draw from torch's global generator when they are made, and a user's factory perhaps from numpy's or Python's:
    all start from this stream.
    """
    with seeded(key(seed, Purpose.INITIALISATION)):
        network = spec.network(shape, classes)
        give_shapes(network, shape, tokens)
        return network
