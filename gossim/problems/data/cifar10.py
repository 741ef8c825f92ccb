"""Colour images of 32 × 32 pixels in ten classes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ...errors import InputError
from ._base import Dataset, DataSpec


class CIFAR10(DataSpec):
    """60,000 colour images of 32 × 32 pixels in 10 classes: 50,000 to train on, 10,000 to test.

    Read from the binary files under `directory`, or fetched once into the user's cache. Each channel is shifted and
    scaled by its mean and standard deviation over the training set. Training draws random 28 × 28 crops, flipped or
    not; testing uses the central crop. Source: Krizhevsky 2009, "Learning multiple layers of features".
    """

    TITLE: ClassVar[str] = "CIFAR-10"
    FOLDER: ClassVar[str] = "cifar-10-batches-bin"
    LABEL_BYTES: ClassVar[int] = 1
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
        train = [self.read(folder / name) for name in self.TRAIN_FILES]
        train_x = np.concatenate([images for images, _ in train])
        train_y = np.concatenate([labels for _, labels in train])
        test_x, test_y = self.read(folder / self.TEST_FILE)
        mean = train_x.mean(axis=(0, 2, 3), keepdims=True)
        deviation = train_x.std(axis=(0, 2, 3), keepdims=True)
        return Dataset((train_x - mean) / deviation, train_y, (test_x - mean) / deviation, test_y, self.classes)

    def read(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and labels of one of its files."""
        return read_cifar_binary(path, self.classes, self.LABEL_BYTES)

    def _folder(self) -> Path:
        if self.directory is None:
            return self._fetched()
        for folder in (Path(self.directory), Path(self.directory) / self.FOLDER):
            if all((folder / name).is_file() for name in (*self.TRAIN_FILES, self.TEST_FILE)):
                return folder
        raise InputError(
            f"problem.data.directory = {self.directory!r}: does not hold {self.TITLE}'s "
            f"{' to '.join(dict.fromkeys((self.TRAIN_FILES[0], self.TRAIN_FILES[-1])))} and {self.TEST_FILE}; unpack "
            f"{self.URL} there"
        )

    def _fetched(self) -> Path:
        import pooch

        cache_folder = pooch.os_cache("gossim")
        archive = self.URL.rpartition("/")[2]
        unpacked = archive.replace("tar.gz", "unpacked")
        try:
            files = pooch.retrieve(
                self.URL,
                f"md5:{self.MD5}",
                fname=archive,
                path=cache_folder,
                processor=pooch.Untar(extract_dir=unpacked),
            )
        except (OSError, ValueError) as error:
            raise InputError(
                f"problem.data = {self.name}: is not on this machine and could not be fetched "
                f"({type(error).__name__}); unpack {self.URL} somewhere and set problem.data.directory to that folder"
            ) from None
        return Path(next(file for file in files if file.endswith(self.TEST_FILE))).parent


def read_cifar_binary(path: Path, classes: int = 10, label_bytes: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Read images `(n, 3, 32, 32)`, float32 in [0, 1], and labels `(n,)` from a file in CIFAR's binary format.

    A record is one byte of label, in CIFAR-100 after one of the class that it is a part of, then 3 · 32 · 32 bytes
    of pixels: red, green, blue, each row by row.
    """
    record = label_bytes + 3 * 32 * 32
    content = np.fromfile(path, dtype=np.uint8)
    if len(content) == 0 or len(content) % record:
        raise InputError(
            f"{path}: {len(content)} bytes, not a whole number of CIFAR-{classes} records of {record} bytes"
        )
    records = content.reshape(-1, record)
    labels = records[:, label_bytes - 1].astype(np.int64)
    if labels.max() >= classes:
        raise InputError(f"{path}: label {labels.max()}, and CIFAR-{classes} has the labels 0 to {classes - 1}")
    return records[:, label_bytes:].reshape(-1, 3, 32, 32).astype(np.float32) / 255, labels
