"""A network that learns to classify, by cross-entropy, or to tell real numbers, by squared errors, on minibatches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, vmap

from ..errors import InputError, told
from ..rng import Purpose, key
from .copies import Batch, Copies, Copy, laid_out
from .dense import Dense
from .dropout import Masks, make_reproducible
from .generators import seeded
from .keyed import StepKeys, mix, normals
from .layers import real_as
from .losses import CrossEntropy, Loss, OwnLoss
from .meters import Meter, meter_of
from .metrics import Metric
from .minibatches import Minibatches
from .models import ModelSpec
from .norms import Statistics, replace_norms, statistics_batches
from .problem import Losses, Numbers, Problem
from .threads import one_thread
from .views import Samples, wide

EVALUATION_CHUNK = 1000
"""Samples that are evaluated at once."""

CONVOLUTION_CHUNK = 50
"""The same for networks with convolutions on a CPU, whose activations are to stay in its cache."""

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
        batch_size: int,
        seed: int,
    ):
        self.samples = samples
        self.dtype, self.device = samples.dtype, samples.train_x.device
        self.spec, self.loss, self.seed = spec, loss, seed
        self.meters = {metric.column: meter_of(metric) for metric in metrics}
        self.known = spec.known and loss.known and not any(":" in metric.name for metric in metrics)
        self._make()
        if not self.parameters:
            raise InputError("problem.model: the network has no parameters to learn")
        self.sizes = [p.numel() for p in self.parameters.values()]
        self.dim = sum(self.sizes)
        self.minibatches = Minibatches(assigned, samples.views, batch_size, seed)
        self.workers = len(assigned)
        self.keys = StepKeys(seed, Purpose.DROPOUT, len(assigned), self.device)
        convolutions = nn.Conv1d | nn.Conv2d | nn.Conv3d
        self.large_operations = any(isinstance(module, convolutions) for module in self.network.modules())
        by_hand = samples.task == "classification" and type(loss) is CrossEntropy
        self.dense = Dense.of(self.network) if by_hand else None
        if self.dense:
            self.piece_bytes = DENSE_PIECE_BYTES
        self._check_output()
        # On a CPU a batched convolution is slower than one network after the other (docs/performance.md).
        self.one_by_one: Copies | None = None
        alone = self.large_operations and self.device.type == "cpu"
        if not (alone or self.known):
            alone = not self._can_be_batched()
            self._make()  # as new: it may keep what the trial has left
        sample = samples.central(samples.test_x[:2])
        if alone:
            self.one_by_one = Copies(self.network, self.mask, self.norms, loss, sample)
        self.chunk = CONVOLUTION_CHUNK if alone else EVALUATION_CHUNK

    def _make(self) -> None:
        self.network, self.mask = self.fresh()
        self.norms = replace_norms(self.network)
        self.parameters = dict(self.network.named_parameters())

    def fresh(self) -> tuple[nn.Module, Masks | None]:
        """The network as its factory makes it with this seed, with masks of gossim's for its dropout."""
        network = initialised(self.spec, self.samples.shape, self.samples.classes, self.seed)
        mask = make_reproducible(network)
        return real_as(network.to(self.device), self.dtype), mask

    @property
    def layers(self) -> dict[str, int]:
        return dict(zip(self.parameters, self.sizes, strict=True))

    def initial(self) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters.values()])

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        inputs, labels, keys = self.batch([worker], [step])
        return self._gradient(x, inputs[0], labels[0], keys[0])

    def gradients(self, x: torch.Tensor, workers: Numbers, steps: Numbers) -> torch.Tensor:
        inputs, labels, keys = self.batch(workers, steps)
        if self.dense:
            return self.dense.gradients(x, inputs, labels)
        if self.one_by_one:
            return self._alone(self.one_by_one, x, map(Batch, inputs, labels, keys))
        if len(workers) == 1:
            return self._gradient(x[0], inputs[0], labels[0], keys[0]).unsqueeze(0)
        leaves = {name: part.detach().requires_grad_() for name, part in self._unflatten(self._own(x)).items()}
        # No loss depends on another's parameters: the gradient of their sum is the gradient of each.
        total = vmap(self._loss_of_one)(leaves, inputs, labels, keys).sum()
        slopes = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
        return torch.cat([slope.reshape(len(workers), -1) for slope in slopes], dim=1)

    def descend(self, x: torch.Tensor, workers: Numbers, steps: Numbers, keep: float, rate: float) -> None:
        if not self.dense:
            return super().descend(x, workers, steps, keep, rate)
        inputs, labels, _ = self.batch(workers, steps)
        return self.dense.descend(x, inputs, labels, keep, rate)

    def losses(self, x: torch.Tensor) -> Losses:
        statistics = self.statistics(x)
        meters = {column: make() for column, make in self.meters.items()}
        train_loss = self._evaluate(x, statistics, self.samples.train_x, self.samples.train_y, ())
        test_loss = self._evaluate(x, statistics, self.samples.test_x, self.samples.test_y, meters.values())
        metrics = {column: meter.value() for column, meter in meters.items()}
        return Losses(train_loss, test_loss, metrics.pop("test_accuracy", None), metrics)

    @torch.no_grad()
    def statistics(self, x: torch.Tensor) -> Statistics:
        """Those of BatchNorm at `x`, of a pass in train mode over `statistics_batches`; see `problems.norms`."""
        if self.norms is None:
            return ()
        parameters = self._unflatten(self._own(x))
        with one_thread(), self.norms.collecting():
            for inputs, mask_key in self.statistics_batches():
                self._logits(parameters, inputs, mask_key)
            return self.norms.means(x)

    def statistics_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The samples of which the statistics of BatchNorm are taken, batch by batch, and the keys of the masks."""
        first = key(self.seed, Purpose.STATISTICS)
        for number, indices in enumerate(statistics_batches(len(self.samples.train_x))):
            index = torch.from_numpy(indices).to(self.device)
            inputs = self.samples.central(self.samples.train_x.index_select(0, index))
            yield inputs, mix(torch.tensor(first ^ number, device=self.device))

    def _can_be_batched(self) -> bool:
        """Whether `vmap` has rules for all operations of a user's network, and right ones, as far as a trial shows."""
        x = self.initial()
        rows = torch.stack([x, x + 0.1 * normals(torch.tensor([1], device=self.device), self.dim, self.dtype)[0]])
        try:
            together = self.gradients(rows, [0, 0], [0, 1])
            alone = [self.gradient(row, 0, step) for step, row in enumerate(rows)]
        except Exception:  # what is wrong with the network itself is seen when its gradients are checked
            return False
        return all(close(one, other) for one, other in zip(alone, together, strict=True))

    def _own(self, x: torch.Tensor) -> torch.Tensor:
        """`x`, or a copy for a user's network, which may write into its parameters or its inputs."""
        return x if self.known else x.clone()

    def batch(self, workers: Numbers, steps: Numbers) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs, labels = self.samples.batch(*self.minibatches.indices(workers, steps))
        if self.mask is None:
            return inputs, labels, labels.new_zeros(len(workers))
        return inputs, labels, self.keys(*(torch.tensor(n, device=self.device) for n in (workers, steps)))

    def _gradient(
        self, x: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor, mask_key: torch.Tensor
    ) -> torch.Tensor:
        layout = self.one_by_one.layout if self.one_by_one else torch.contiguous_format
        parts = self._unflatten(self._own(x.detach())).items()
        leaves = {name: laid_out(part, layout).detach().requires_grad_() for name, part in parts}
        loss = self.loss.mean(self._logits(leaves, laid_out(inputs, layout), mask_key), labels)
        slopes = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
        return torch.cat([slope.flatten() for slope in slopes])

    def _alone(self, copies: Copies, x: torch.Tensor, batches: Iterable[Batch]) -> torch.Tensor:
        """A single worker has all threads for each operation; with several each has one for its whole gradient."""
        out = torch.empty_like(x)
        jobs = [(self._parts(row), batch, self._parts(into)) for row, batch, into in zip(x, batches, out, strict=True)]
        run = copies.in_turn if self.workers == 1 or self.device.type != "cpu" else copies.each
        run(Copy.gradient, jobs)
        return out

    def _parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        return list(self._unflatten(x).values())

    def _logits(
        self, parameters: dict[str, torch.Tensor], inputs: torch.Tensor, mask_key: torch.Tensor
    ) -> torch.Tensor:
        if self.mask is not None:
            self.mask.begin(mask_key)
        return functional_call(self.network, parameters, inputs)

    def _loss_of_one(
        self, parameters: dict[str, torch.Tensor], inputs: torch.Tensor, labels: torch.Tensor, mask_key: torch.Tensor
    ) -> torch.Tensor:
        return self.loss.mean_for_vmap(self._logits(parameters, inputs, mask_key), labels)

    def _unflatten(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Views of `x`, `(..., dim)`, in the shapes of the parameters, `(..., *shape)`."""
        parts = x.split(self.sizes, dim=-1)
        shaped = zip(self.parameters.items(), parts, strict=True)
        return {name: part.unflatten(-1, p.shape) if p.dim() else part[..., 0] for (name, p), part in shaped}

    @torch.no_grad()
    def _evaluate(
        self,
        x: torch.Tensor,
        statistics: Statistics,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        meters: Collection[Meter],
    ) -> float:
        """The mean loss; `meters` get the outputs for each sample."""
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        answers = map(wide, labels.split(self.chunk))
        for outputs, targets in zip(self.outputs(x, statistics, inputs, self.chunk), answers, strict=True):
            loss = loss + self.loss.of_samples(outputs, targets).double().sum()
            for meter in meters:
                meter.add(outputs, targets)
        return float(loss) / len(labels)

    @torch.no_grad()
    def outputs(
        self, x: torch.Tensor, statistics: Statistics, inputs: torch.Tensor, chunk: int
    ) -> Iterator[torch.Tensor]:
        """Logits in eval mode, `chunk` samples at a time."""
        central = self.samples.central
        if self.one_by_one:
            parts = self._parts(x)
            jobs = [(parts, central(part), statistics) for part in inputs.split(chunk)]
            yield from self.one_by_one.each(Copy.logits, jobs)
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
        frozen = [name for name, parameter in self.parameters.items() if not parameter.requires_grad]
        if frozen:
            raise InputError(f"problem.model: '{frozen[0]}' has requires_grad=False, and all parameters are learned")
        # One of its own: a user's network may write into its parameters.
        network, _ = self.fresh()
        sample = self.samples.central(self.samples.test_x[:2])
        try:
            with torch.no_grad():
                output = network.eval()(sample.clone())
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
            self.loss.check(output, wide(self.samples.test_y[: len(sample)]))


RTOL, ATOL = 1e-3, 1e-4
"""Of gradients and outputs; the latter as a share of the largest number."""


def close(expected: torch.Tensor, found: torch.Tensor) -> bool:
    """Equal but for the rounding of sums."""
    largest = float(expected.abs().nan_to_num(0.0).max()) if expected.numel() else 0.0
    return torch.allclose(expected, found, rtol=RTOL, atol=ATOL * largest, equal_nan=True)


def initialised(spec: ModelSpec, shape: tuple[int, ...], classes: int, seed: int) -> nn.Module:
    """The network with its parameters drawn from the stream named (seed, initialisation).

    Layers draw from torch's global generator when they are made, and a user's factory perhaps from numpy's or Python's:
    all start from this stream.
    """
    with seeded(key(seed, Purpose.INITIALISATION)):
        return spec.network(shape, classes)
