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
