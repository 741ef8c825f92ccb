"""Which samples of the training set each worker draws its minibatches from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from ..errors import InputError
from ..rng import Purpose, stream
from ..schema.chosen import chosen_by
from ..schema.fields import AS_TUPLE, Count, Frozen, Indices, Positive


class Partition(Frozen):
    """How the training set is divided. `assign` returns, for each worker, the indices of its samples.

    `by_label`: whether it goes by the labels of samples, of which a regression has none. `groups`: the column of the
    data by which it goes instead.
    """

    by_label: ClassVar[bool] = True
    name: str

    @property
    def groups(self) -> str | None:
        return None

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        """Return the indices of each worker's samples.

        Args:
            labels: The label of each training sample, or what stands in the column `groups`, `(n,)`.
            workers: M.
            seed: Of the stream from which it draws, if it draws.

        Raises:
            InputError: The samples cannot be shared out among M workers like this.
        """
        raise NotImplementedError


class IID(Partition):
    """Every worker samples the whole training set, as in GoSGD."""

    by_label: ClassVar[bool] = False
    name: Literal["iid"] = "iid"

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        everything = np.arange(len(labels))
        return [everything] * workers


class Dirichlet(Partition):
    """Each class is split among the workers in proportions drawn from Dirichlet(α, …, α); a small α gives unlike
    workers.

    Every sample goes to one worker. Drawn again while a worker has fewer than `least`, at most 200 times.
    With `balance`, a worker that holds 1/M of all samples or more gets nothing of the classes that follow: its
    proportion is 0, and those of the others are divided by their sum.
    Source: Yurochkin et al. 2019, arXiv:1905.12022, section 4; the public code balances, and asks for 10 samples each.
    """

    name: Literal["dirichlet"] = "dirichlet"
    alpha: Positive
    balance: bool = False
    least: Count = 1

    ATTEMPTS: ClassVar[int] = 200

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        if self.least * workers > len(labels):
            each = f" with {self.least} each" if self.least > 1 else ""
            raise InputError(f"problem.data.partition: {len(labels)} samples are too few for {workers} workers{each}")
        random = stream(seed, Purpose.PARTITION)
        for _ in range(self.ATTEMPTS):
            assigned = self._drawn(labels, workers, random)
            if min(map(len, assigned)) >= self.least:
                return assigned
        few = "without a sample" if self.least == 1 else f"with fewer than {self.least} samples"
        raise InputError(
            f"problem.data.partition.alpha = {self.alpha:g}: {self.ATTEMPTS} draws each left one of {workers} "
            f"workers {few}; raise alpha{'' if self.least == 1 else ', lower least'} or take fewer workers"
        )

    def _drawn(self, labels: np.ndarray, workers: int, random: np.random.Generator) -> list[np.ndarray]:
        shares: list[list[np.ndarray]] = [[] for _ in range(workers)]
        held = np.zeros(workers, dtype=np.int64)
        for label in np.unique(labels):
            members = random.permutation(np.flatnonzero(labels == label))
            proportions = random.dirichlet(np.full(workers, self.alpha))
            if self.balance:
                proportions = self._among_the_poor(proportions, held * workers < len(labels))
            cuts = np.round(np.cumsum(proportions)[:-1] * len(members)).astype(int)
            for worker, part in enumerate(np.split(members, cuts)):
                shares[worker].append(part)
                held[worker] += len(part)
        return [np.sort(np.concatenate(share)) for share in shares]

    def _among_the_poor(self, proportions: np.ndarray, poor: np.ndarray) -> np.ndarray:
        """Return the proportions with 0 for all but the `poor`; these share alike if theirs were all rounded to 0."""
        left = np.where(poor, proportions, 0.0)
        total = left.sum()
        return left / total if total > 0 else poor / poor.sum()


class Shards(Partition):
    """The samples sorted by label are cut into M · `per_worker` shards, and each worker gets `per_worker` at random.

    Shards are consecutive, and differ by a sample at most; every sample goes to one worker.
    Source: McMahan et al. 2017, arXiv:1602.05629, section 3: 200 shards of 300 for 100 workers, two each.
    """

    name: Literal["shards"] = "shards"
    per_worker: Count

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        count = workers * self.per_worker
        if count > len(labels):
            raise InputError(
                f"problem.data.partition.per_worker = {self.per_worker}: {workers} workers need {count} shards, and "
                f"there are {len(labels)} samples"
            )
        shards = np.array_split(np.argsort(labels, kind="stable"), count)
        order = stream(seed, Purpose.PARTITION).permutation(count).reshape(workers, self.per_worker)
        return [np.sort(np.concatenate([shards[shard] for shard in own])) for own in order]


class Classes(Partition):
    """Each worker has `per_worker` of the C classes, and shares each in equal parts with the workers that also have it.

    Worker m has the classes at places m · `per_worker` to (m + 1) · `per_worker` − 1 of a random order that begins
    again after C. Every sample goes to one worker, so that M · `per_worker` must be at least C.
    """

    name: Literal["classes"] = "classes"
    per_worker: Count

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        classes = np.unique(labels)
        rule = f"problem.data.partition.per_worker = {self.per_worker}:"
        if self.per_worker > len(classes):
            raise InputError(f"{rule} the training set has {len(classes)} classes")
        if workers * self.per_worker < len(classes):
            raise InputError(
                f"{rule} {workers} workers would have {workers * self.per_worker} of {len(classes)} classes, and no "
                "sample may be left out"
            )
        random = stream(seed, Purpose.PARTITION)
        order = random.permutation(classes)
        places = np.arange(workers * self.per_worker) % len(classes)
        shares: list[list[np.ndarray]] = [[] for _ in range(workers)]
        for place, label in enumerate(order):
            holders = np.flatnonzero(places == place) // self.per_worker
            members = random.permutation(np.flatnonzero(labels == label))
            if len(members) < len(holders):
                raise InputError(f"{rule} {len(holders)} workers share class {label}, which has {len(members)} samples")
            for worker, part in zip(holders, np.array_split(members, len(holders)), strict=True):
                shares[worker].append(part)
        return [np.sort(np.concatenate(share)) for share in shares]


class ByColumn(Partition):
    """A natural split: samples with the same value in `column`, such as a user, stay with one worker.

    With as many values as workers, worker m has the m-th in sorted order. Of more, each worker has as many as the
    others, or one more, dealt out at random; of fewer, workers would be left without samples, which is refused.
    The column is no input. In `csv` it is any but the target, in `npz` an array with a value for each of `train_x`.
    """

    by_label: ClassVar[bool] = False
    name: Literal["column"] = "column"
    column: str

    @property
    def groups(self) -> str:
        return self.column

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        values, members = np.unique(labels, return_inverse=True)
        if len(values) < workers:
            raise InputError(
                f"problem.data.partition.column = {self.column!r}: has {len(values)} different values on the samples "
                f"to train on, too few for {workers} workers"
            )
        order = np.arange(len(values))
        if len(values) > workers:
            order = stream(seed, Purpose.PARTITION).permutation(len(values))
        return [np.flatnonzero(np.isin(members, own)) for own in np.array_split(order, workers)]


class GivenIndices(Partition):
    """Worker m has the training samples `of_workers[m]`, numbered from 0. A sample may have several or none."""

    by_label: ClassVar[bool] = False
    name: Literal["indices"] = "indices"
    of_workers: Annotated[tuple[Indices, ...], AS_TUPLE]

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        rule = "problem.data.partition.of_workers"
        if len(self.of_workers) != workers:
            raise InputError(f"{rule}: has the samples of {len(self.of_workers)} workers, and there are {workers}")
        for worker, own in enumerate(self.of_workers):
            if not own:
                raise InputError(f"{rule}.{worker}: is empty, and a worker needs a sample")
            if max(own) >= len(labels):
                raise InputError(f"{rule}.{worker}: has sample {max(own)}, and there are {len(labels)}, from 0")
            if len(set(own)) < len(own):
                raise InputError(f"{rule}.{worker}: has a sample twice")
        return [np.array(own, dtype=np.int64) for own in self.of_workers]


PARTITIONS: dict[str, type[Partition]] = {
    "iid": IID,
    "dirichlet": Dirichlet,
    "shards": Shards,
    "classes": Classes,
    "column": ByColumn,
    "indices": GivenIndices,
}


if TYPE_CHECKING:
    AnyPartition = Partition
else:
    AnyPartition = chosen_by("name", PARTITIONS, alone=True)
