"""Which samples of the training set each worker draws its minibatches from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from ..errors import InputError
from ..fields import NAME_ALONE, Frozen, Positive, chosen_by
from ..later import np
from ..rng import Purpose, stream


class Partition(Frozen):
    """How the training set is shared out. `assign` returns, for each worker, the indices of its samples."""

    name: str

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        raise NotImplementedError


class IID(Partition):
    """Every worker samples the whole training set, as in GoSGD."""

    name: Literal["iid"] = "iid"

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        everything = np.arange(len(labels))
        return [everything] * workers


class Dirichlet(Partition):
    """Each class is split among the workers in proportions drawn from Dirichlet(α, …, α); small α, unlike workers.

    Every sample goes to one worker. Drawn again while a worker has none.
    Source: Yurochkin et al. 2019, arXiv:1905.12022, section 4.
    """

    name: Literal["dirichlet"] = "dirichlet"
    alpha: Positive

    ATTEMPTS: ClassVar[int] = 200

    def assign(self, labels: np.ndarray, workers: int, seed: int) -> list[np.ndarray]:
        if workers > len(labels):
            raise InputError(f"problem.data.partition: {len(labels)} samples are too few for {workers} workers")
        random = stream(seed, Purpose.PARTITION)
        for _ in range(self.ATTEMPTS):
            shares: list[list[np.ndarray]] = [[] for _ in range(workers)]
            for label in np.unique(labels):
                members = random.permutation(np.flatnonzero(labels == label))
                proportions = random.dirichlet(np.full(workers, self.alpha))
                cuts = np.round(np.cumsum(proportions)[:-1] * len(members)).astype(int)
                for share, part in zip(shares, np.split(members, cuts), strict=True):
                    share.append(part)
            assigned = [np.sort(np.concatenate(share)) for share in shares]
            if all(len(indices) for indices in assigned):
                return assigned
        raise InputError(
            f"problem.data.partition.alpha = {self.alpha:g}: {self.ATTEMPTS} draws each left one of {workers} "
            f"workers without a sample; raise alpha or take fewer workers"
        )


PARTITIONS: dict[str, type[Partition]] = {"iid": IID, "dirichlet": Dirichlet}


if TYPE_CHECKING:
    AnyPartition = Partition
else:
    AnyPartition = Annotated[chosen_by("name", PARTITIONS), NAME_ALONE]
